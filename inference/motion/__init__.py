"""Motion sources: each turns what a person does into point tracks, one chunk at a time. No torch, no Qt."""
