"""The models and the baselines, one file each, behind one surface (`surface.py`)."""
