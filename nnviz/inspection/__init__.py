"""Looking inside: every method computes, returns a frozen result of arrays, and never draws."""
