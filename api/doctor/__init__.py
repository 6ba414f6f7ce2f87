"""What ``mcu doctor`` looks at: can the server run here with these settings, and what to do if not."""

from api.doctor.check import Check, Outcome
from api.doctor.examination import examine

__all__ = ["Check", "Outcome", "examine"]
