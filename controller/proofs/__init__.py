"""Before a cut takes frames, the known picture must get its known answer through the real nodes."""
