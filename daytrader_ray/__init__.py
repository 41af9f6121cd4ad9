"""An ensemble day trader for US stocks: a pure core that decides, thin edges that act, and Ray in one room."""

__version__ = "0.1.0"
