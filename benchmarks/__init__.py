"""What every performance figure in the README comes from: `make bench`, or `make bench ONLY=name`."""
