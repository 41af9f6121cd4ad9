"""Ring 3: windows and the study of all ensembles."""
