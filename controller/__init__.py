"""Cameras in, frames dispatched, models placed, results and the ledger out."""
