"""The `daytrader` command: one small file per subcommand, imported when it is asked for or listed."""

import importlib
import os
import signal
import sys
from pathlib import Path

import typer

COMMANDS = {
    "demo": "demo",
    "download": "download_cmd",
    "import": "import_cmd",
    "features": "features_cmd",
    "audit": "audit_cmd",
    "universe": "universe_cmd",
    "search": "search_cmd",
    "train": "train_cmd",
    "models": "models_cmd",
    "backtest": "backtest_cmd",
    "explain": "explain_cmd",
    "report": "report_cmd",
    "runs": "runs_cmd",
    "rehearse": "rehearse_cmd",
    "live": "live_cmd",
    "reduce": "reduce_cmd",
    "sandbox": "sandbox_cmd",
    "doctor": "doctor_cmd",
}
"""Command name to module, in the order of a day's work."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells expect it."""

RESUMED = ("download", "features", "search", "train")
"""Commands that keep what they have finished."""

AFTER_INTERRUPT = dict.fromkeys(RESUMED, "the same command goes on where this one stopped") | {
    "demo": "with --keep the same command goes on where this one stopped, without it it starts anew",
    "live": "orders and positions were told to close; check orders and positions in the broker's account now",
}
"""What is true after Ctrl-C, by command; all others start anew."""

INTRODUCTION = (
    """An ensemble day trader for US stocks on Ray. Trading can lose money; paper is the default everywhere."""
)


def build() -> typer.Typer:
    """Return the application with all its commands; none of them imports anything heavy before it runs."""
    app = typer.Typer(
        help=INTRODUCTION, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, name="daytrader"
    )
    for name, module in COMMANDS.items():
        found = importlib.import_module(f"daytrader_ray.cli.{module}")
        app.command(name, cls=getattr(found, "COMMAND_CLASS", None))(found.command)
    return app


def main() -> None:
    """Run `daytrader`; a named error is one line and a hint on stderr and exit code 1, `--debug` shows where from."""
    _set_environment()
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    try:
        build()()
    except KeyboardInterrupt:
        _interrupted()
        sys.exit(INTERRUPTED)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            _interrupted()
        raise
    except Exception as error:  # noqa: BLE001 - the edge of the program: nothing else may show a user a traceback
        _fail(*_words(error), debug)


def _interrupted() -> None:
    """Say what is true now; a further Ctrl-C must not cut short what Python still has to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    command = next((argument for argument in sys.argv[1:] if argument in COMMANDS), "")
    _say("interrupted", AFTER_INTERRUPT.get(command, "the same command starts anew"))


def _words(error: Exception) -> tuple[str, str]:
    from daytrader_ray.domain.errors import DaytraderError

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DaytraderError):
            return cause.message, cause.hint
        cause = cause.__cause__
    first = (str(error).strip() or "no message").splitlines()[0]
    return f"{type(error).__name__}: {first}", "this is a fault of the program; --debug shows where it happened"


def _fail(message: str, hint: str, debug: bool) -> None:
    if debug:
        raise
    _say(message, hint)
    sys.exit(1)


def _say(message: str, hint: str) -> None:
    sys.stderr.write(f"error: {message}\n" + (f"hint: {hint}\n" if hint else ""))
    sys.stderr.flush()


def _set_environment() -> None:
    """Set what must be known before any library is loaded: one thread each, loopback past every proxy, no telemetry."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    local = {"127.0.0.1", "127.0.0.2", "localhost"}
    known = {part for part in os.environ.get("NO_PROXY", "").split(",") if part}
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(sorted(known | local))
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    executable = str(Path(sys.executable).parent)
    if executable not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = executable + os.pathsep + os.environ.get("PATH", "")
