"""Control variates: polynomials in the SGD of the linearised network, whose means are known."""
