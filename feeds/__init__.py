"""Publishes what was found: outgoing HTTP, webhook payloads, signing and sending."""
