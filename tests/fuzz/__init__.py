"""Garbage for every parser of outside data; `make fuzz TIME=600` goes on for as long as that."""
