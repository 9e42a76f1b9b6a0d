"""What others ask of a run: is it well, is it ready, what are its figures; and who may ask."""
