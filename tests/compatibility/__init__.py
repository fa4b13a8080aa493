"""Which changes to a CRD take something away from people who use it."""
