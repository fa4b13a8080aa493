"""The proof that nothing leaks: what to look for, in which spellings, and operators that leak and fail."""
