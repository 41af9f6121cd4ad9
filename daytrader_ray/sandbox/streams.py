"""All market-data streams of the exchange, as whoever moves its clock sees them."""

from daytrader_ray.sandbox.polygon_stream import PolygonStream


class Streams:
    """Sends a session's data to everybody who follows it, on every protocol.

    Polygon's bars are counted: the client of a rehearsal waits for that many.
    """

    def __init__(self, stocks: PolygonStream) -> None:
        self._stocks = stocks

    @property
    def n_bars(self) -> int:
        """Return the bars that Polygon's streams have sent since the session began."""
        return self._stocks.n_bars

    @property
    def symbols(self) -> list[str]:
        """Return the symbols that anybody follows, by name."""
        return sorted(self._stocks.symbols)

    def begin(self) -> None:
        """Start counting for a new session; subscriptions stay."""
        self._stocks.begin()

    def send_bars(self, slot: int) -> None:
        """Send bar `slot`, which is over."""
        self._stocks.send_bars(slot)
