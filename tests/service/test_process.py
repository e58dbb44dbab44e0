"""The service as BentoML runs it: a real process, real sockets."""

import os
import time
from pathlib import Path

import pytest

from tests.service.processes import free_port, running
