"""The tear sheet: one run, or two of the same sessions, as one self-contained HTML page."""
