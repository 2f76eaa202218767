"""The commands about sources: list, import, export, check."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from rich.markup import escape

from feeds.opml import parse_opml, render_opml
from store import Feed, Source
from watcher.app import opened, utc_now
from watcher.commands.errors import UsageError
from watcher.commands.output import moment, out, write_json, write_line, write_table
from watcher.desk import SOURCES, find_desk, read_desk
from watcher.fetch import FetchError
from watcher.models import did_you_mean
from watcher.parse import ParseError
from watcher.sources import read_sources
