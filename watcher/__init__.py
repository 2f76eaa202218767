"""Watches the sources and runs the whole: settings, schedule, fetching, pipeline, command line."""
