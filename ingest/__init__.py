"""From a Bluetooth strap, a recording or a simulated runner to beats on MQTT.

Importing this package loads the standard library and little else: bleak, paho and pydantic come with the modules
that need them.
"""

from ingest.errors import StraplineError
from ingest.gatt import encode_heart_rate_measurement, parse_heart_rate_measurement
from ingest.model import Beat, BeatBatch, Contact, HeartRateMeasurement, Notification, Source, StrapStatus
from ingest.timeline import BeatClock

__all__ = [
    "Beat",
    "BeatBatch",
    "BeatClock",
    "Contact",
    "HeartRateMeasurement",
    "Notification",
    "Source",
    "StrapStatus",
    "StraplineError",
    "encode_heart_rate_measurement",
    "parse_heart_rate_measurement",
]
