//! The MQTT front from outside: packets in, packets out, over loopback.

mod admit;
mod deliver;
mod limits;
mod slow_journal;
mod survive;
mod transports;
mod world;
