"""Ring 3: everything that reads or writes: vendors, store, journal, calendar."""
