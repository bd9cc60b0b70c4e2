"""The record of documents."""
