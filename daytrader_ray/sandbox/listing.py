"""The instruments that the synthetic market names: stocks by sector, funds, indices, and some that come or go."""

from dataclasses import dataclass

from daytrader_ray.domain.indices import VIX, VIX3M

INDICES = {VIX: "Synthetic Volatility Index", VIX3M: "Synthetic Three-Month Volatility Index"}


@dataclass(frozen=True, slots=True)
class Sector:
    """One sector: its industry as the reference data say it, the fund that holds it (or none), its named stocks."""

    sic_code: str
    sic_description: str
    fund: str
    stocks: tuple[str, ...]


def _sector(sic_code: str, sic_description: str, fund: str, stocks: str) -> Sector:
    return Sector(sic_code, sic_description, fund, tuple(stocks.split()))


SECTORS = {
    "Technology": _sector(
        "7372", "SERVICES-PREPACKAGED SOFTWARE", "XLK", "AAPL ADBE AMD AVGO CRM CSCO INTC META MSFT MU NVDA ORCL TSLA"
    ),
    "Biotech": _sector(
        "2836", "BIOLOGICAL PRODUCTS (NO DIAGNOSTIC SUBSTANCES)", "XBI", "AMGN BIIB GILD INCY MRNA NVAX REGN VRTX"
    ),
    "Energy": _sector("1311", "CRUDE PETROLEUM & NATURAL GAS", "XLE", "COP CVX DVN EOG HAL MPC OXY SLB VLO XOM"),
    "Crypto-related": _sector("6199", "FINANCE SERVICES", "", "CLSK COIN HUT MARA MSTR RIOT"),
    "Consumer": _sector(
        "5961", "RETAIL-CATALOG & MAIL-ORDER HOUSES", "XLY", "AMZN COST DIS HD MCD NFLX NKE SBUX TGT WMT"
    ),
    "Meme": _sector("5734", "RETAIL-COMPUTER & COMPUTER SOFTWARE STORES", "", "AMC BB GME KOSS"),
    "Financial": _sector("6021", "NATIONAL COMMERCIAL BANKS", "XLF", "BAC C GS JPM MS WFC"),
    "Healthcare": _sector("6324", "HOSPITAL & MEDICAL SERVICE PLANS", "XLV", "ABBV JNJ LLY MRK PFE UNH"),
    "Industrial": _sector("3721", "AIRCRAFT", "XLI", "BA CAT DE GE"),
}
SECTOR_OF = {stock: name for name, sector in SECTORS.items() for stock in sector.stocks}
SECTOR_OF_FUND = {sector.fund: name for name, sector in SECTORS.items() if sector.fund}

LISTED_IN = {"NEWA": 10, "NEWB": 120}
"""Stocks that list during the market's life, and the session number of their first day."""
DELISTED_AFTER = {"OLDA": 25, "OLDB": 200}
"""Stocks that delist, and the session number of their last day."""

NAMED_STOCKS = tuple(sorted({*SECTOR_OF, *LISTED_IN, *DELISTED_AFTER}))
