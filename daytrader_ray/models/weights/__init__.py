"""How the members of an ensemble are weighed: one file a scheme, one surface, one table of all."""
