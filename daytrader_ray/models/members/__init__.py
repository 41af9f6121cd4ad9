"""The five models, one file each, behind one surface (`surface.py`)."""
