"""Heraldo's notifier SDK for Python: ``from heraldo_notifier import Notifier, Sender``."""
from .answer import Acknowledged, Position
from .errors import NotifierError
from .notifier import Notifier
from .sender import Sender

__all__ = ["Acknowledged", "Notifier", "NotifierError", "Position", "Sender"]
__version__ = "0.1.0"
