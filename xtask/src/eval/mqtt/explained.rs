//! Why tests of public suites fail that are not mended. The evaluation fails if one of them
//! passes.

/// A test that fails.
pub(super) struct Explained {
    /// As the evaluation calls the suite.
    pub(super) suite: &'static str,
    /// As the suite calls it.
    pub(super) test: &'static str,
    /// What the standard says, and what the node does.
    pub(super) why: &'static str,
}

const ONE_COPY: &str = "it wants a copy for each of a client's overlapping subscriptions; MQTT 5.0 \
    §3.3.4 leaves that to the server, and the node sends one, with the highest QoS and all \
    identifiers";

pub(super) const EXPLAINED: &[Explained] = &[
    Explained {
        suite: "paho-3.1.1",
        test: "test_subscribe_failure",
        why: "it wants one topic that may not be subscribed while `#` may; the node refuses a \
              filter if any of what it matches is denied, so no rules can say that",
    },
    Explained {
        suite: "paho-5.0",
        test: "test_subscribe_failure",
        why: "it wants 0x80 for that topic, where 0x87 (not authorized) says why; without rules, \
              as here, it is granted",
    },
    Explained {
        suite: "mqtt5-conformance",
        test: "mqtt5_conformance::conformance_tests::section3_publish_advanced::overlapping_subs_max_qos_delivered",
        why: ONE_COPY,
    },
    Explained {
        suite: "mqtt5-conformance",
        test: "mqtt5_conformance::conformance_tests::section3_publish_advanced::overlapping_subs_subscription_ids_per_copy",
        why: ONE_COPY,
    },
];
