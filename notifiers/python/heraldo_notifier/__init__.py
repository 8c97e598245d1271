"""Heraldo's notifier SDK for Python: ``from heraldo_notifier import Notifier``."""
from .errors import NotifierError
from .notifier import Notifier

__all__ = ["Notifier", "NotifierError"]
__version__ = "0.1.0"
