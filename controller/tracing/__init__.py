"""Where a frame's time went, as a trace. Off unless asked for; then nothing of it is loaded."""
