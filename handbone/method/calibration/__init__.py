"""Which masks are credible: the gate and the presence of bones, fitted by logistic regression."""
