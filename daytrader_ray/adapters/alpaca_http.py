"""What alpaca-py leaves open of its HTTP: timeouts, short retries, and patience where one has asked too often."""

import time
import warnings
from typing import Any
from urllib.parse import urlparse

import requests
from pydantic import Field, SecretStr
from requests.adapters import HTTPAdapter

from daytrader_ray.domain.config import Config

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "websockets.legacy", DeprecationWarning)  # alpaca-py's stream still needs it
    from alpaca.trading.client import TradingClient

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TOO_MANY, _GATEWAY_TIMEOUT = 429, 504
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 15.0


class BrokerConfig(Config):
    """Where the account is and how long to wait for it."""

    url: str
    stream_url: str
    key: SecretStr
    secret: SecretStr
    connect_seconds: float = Field(default=3.0, gt=0, description="to open a connection")
    answer_seconds: float = Field(default=5.0, gt=0, description="for the answer to a request")
    ready_seconds: float = Field(default=15.0, gt=0, description="for the stream to confirm its subscription")
    update_seconds: float = Field(default=25.0, gt=0, description="for a trade update that must come")
    cancel_seconds: float = Field(default=10.0, gt=0, description="for the outcome of a cancel")
    arrival_seconds: float = Field(default=10.0, ge=0, description="after which an order not found never arrived")
    patience_seconds: float = Field(default=30.0, ge=0, description="of waits after 429 for one request")
    retries: int = Field(default=2, ge=0, description="repeats of a request answered 504")
    look_ups: int = Field(default=3, ge=1, description="searches for an order whose answer was lost")
    flatten_seconds: float = Field(default=300.0, gt=0, description="to close the account where a session breaks off")
    pause_seconds: float = Field(default=0.5, ge=0, description="between those repeats and searches")


class _Patient(HTTPAdapter):
    """Gives every request a timeout, and sends it again after a 429, of which the venue has done nothing.

    It waits 1 s and twice as long each time, and longer where the venue says so (Retry-After).
    """

    def __init__(self, config: BrokerConfig) -> None:
        super().__init__()
        self._limits, self._patience = (config.connect_seconds, config.answer_seconds), config.patience_seconds

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override] # keywords as given
        options |= {"timeout": options.get("timeout") or self._limits}
        left, pause = self._patience, _FIRST_PAUSE
        while True:
            response = super().send(request, **options)
            asked = response.headers.get("Retry-After", "")
            wait = min(max(float(asked) if asked.isdigit() else 0.0, pause), _LONGEST_PAUSE)
            if response.status_code != _TOO_MANY or wait > left:
                return response
            response.close()
            time.sleep(wait)
            left, pause = left - wait, 2.0 * pause


def trading_client(config: BrokerConfig) -> TradingClient:
    """Return alpaca-py's client of the account; a broker on this machine is asked past any proxy."""
    key, secret = config.key.get_secret_value(), config.secret.get_secret_value()
    client = TradingClient(key, secret, paper=True, raw_data=True, url_override=config.url.rstrip("/"))
    client._session.mount(config.url, _Patient(config))
    client._session.trust_env = urlparse(config.url).hostname not in _LOOPBACK
    client._retry = config.retries
    client._retry_wait = config.pause_seconds  # type: ignore[assignment] # handed to time.sleep
    client._retry_codes = [_GATEWAY_TIMEOUT]
    return client
