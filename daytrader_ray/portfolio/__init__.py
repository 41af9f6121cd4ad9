"""How the book is divided: covariance, minimum variance, risk parity, hedges, and Kelly's fractions."""
