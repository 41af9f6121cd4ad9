"""`python -m daytrader_ray.cli` is `daytrader`."""

from daytrader_ray.cli.main import main

main()
