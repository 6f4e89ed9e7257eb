//! Summaries of many values in little room, with an error that is stated and tested: how many
//! different ones there were ([`distinct`]), which share lies below what ([`quantiles`]), sum,
//! mean, spread and ends ([`moments`]), and which are the most frequent ([`frequent`]).
//!
//! All of them are *mergeable*: the summary of two streams is had from the summaries of each,
//! so windows, routes and nodes can be joined later. All are written as bytes with a kind, a
//! version and a checksum, and bytes that are no summary are an error. A form that was written
//! is the only one of its summary: equal summaries have equal bytes.
//!
//! They take values that are known to nobody before; what a hostile sender can do to them is
//! said with each of them.

pub mod hash;

pub mod distinct;

pub mod quantiles;

pub mod moments;

pub mod frequent;
