"""The sector of a company by its Standard Industrial Classification.

Codes and their titles are those of the SEC's "Division of Corporation Finance: Standard Industrial Classification (SIC)
Code List" (sec.gov/search-filings/standard-industrial-classification-sic-code-list). The SIC has divisions by kind of
production and no sectors; the grouping below follows what companies sell.
"""

_SECTORS = (
    (100, 999, "Consumer"),  # agriculture, forestry, fishing
    (1000, 1199, "Materials"),  # metal mining
    (1200, 1399, "Energy"),  # coal, oil and gas extraction, drilling, field services
    (1400, 1499, "Materials"),  # quarrying of nonmetallic minerals
    (1500, 1799, "Industrials"),  # construction
    (2000, 2399, "Consumer"),  # food, tobacco, textiles, apparel
    (2400, 2499, "Materials"),  # lumber and wood
    (2500, 2599, "Consumer"),  # furniture
    (2600, 2699, "Materials"),  # paper
    (2700, 2799, "Communication"),  # publishing and printing
    (2800, 2829, "Materials"),  # industrial chemicals, plastics
    (2830, 2839, "Health care"),  # drugs, diagnostics, biological products
    (2840, 2849, "Consumer"),  # soap, cleaners, cosmetics
    (2850, 2899, "Materials"),  # paints, agricultural and other chemicals
    (2900, 2999, "Energy"),  # petroleum refining
    (3000, 3099, "Materials"),  # rubber and plastics
    (3100, 3199, "Consumer"),  # leather and footwear
    (3200, 3399, "Materials"),  # glass, cement, metals
    (3400, 3569, "Industrials"),  # metal products, machinery
    (3570, 3579, "Technology"),  # computers and office equipment
    (3580, 3629, "Industrials"),  # refrigeration, electrical industrial apparatus
    (3630, 3659, "Consumer"),  # household appliances, audio and video
    (3660, 3679, "Technology"),  # communications equipment, electronic components
    (3690, 3699, "Industrials"),  # other electrical machinery
    (3710, 3716, "Consumer"),  # motor vehicles and their parts
    (3720, 3812, "Industrials"),  # aircraft, ships, railroad equipment, defense, navigation
    (3820, 3829, "Technology"),  # measuring and laboratory instruments
    (3840, 3859, "Health care"),  # surgical, medical and ophthalmic goods
    (3860, 3869, "Technology"),  # photographic equipment
    (3870, 3999, "Consumer"),  # watches, jewelry, toys, sporting goods
    (4000, 4799, "Industrials"),  # railroads, trucking, shipping, airlines, transportation services
    (4800, 4899, "Communication"),  # telephone, radio, television, cable
    (4900, 4952, "Utilities"),  # electric, gas, water
    (4953, 4959, "Industrials"),  # refuse systems
    (4960, 4999, "Utilities"),  # steam, cogeneration
    (5000, 5199, "Industrials"),  # wholesale
    (5200, 5999, "Consumer"),  # retail
    (6000, 6499, "Financials"),  # banks, credit, brokers, insurance
    (6500, 6599, "Real estate"),
    (6600, 6797, "Financials"),  # holding and investment offices, blank checks
    (6798, 6798, "Real estate"),  # real estate investment trusts
    (6799, 6799, "Financials"),
    (7000, 7299, "Consumer"),  # hotels, personal services
    (7300, 7369, "Industrials"),  # advertising, leasing and other business services
    (7370, 7379, "Technology"),  # computer programming, software, data processing
    (7380, 7399, "Industrials"),
    (7500, 7799, "Consumer"),  # car rental, repair
    (7800, 7899, "Communication"),  # motion pictures
    (7900, 7999, "Consumer"),  # amusement and recreation
    (8000, 8099, "Health care"),  # health services
    (8100, 8399, "Consumer"),  # legal, educational and social services
    (8600, 8730, "Industrials"),  # organizations, engineering, accounting
    (8731, 8731, "Health care"),  # commercial physical and biological research
    (8732, 8999, "Industrials"),  # management, consulting
)
"""First code, last code, sector; codes that none holds (unassigned, public administration) have no sector."""


def sector_of(sic_code: object) -> str | None:
    """Return the sector of a SIC code such as "3571"; None for what is no code, or one of no sector.

    >>> sector_of("3571"), sector_of("1311"), sector_of("9995"), sector_of(None)
    ('Technology', 'Energy', None, None)
    """
    text = str(sic_code)
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        return None
    code = int(text)
    return next((sector for first, last, sector in _SECTORS if first <= code <= last), None)
