//! One of several ways, by weight.

use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::Handler;
use sedge_model::routing::rule::{Changes, Destination, Weighted};
use sedge_model::trace::random;
use std::sync::Arc;

/// One way.
pub(super) struct Way {
    /// How access records name it.
    pub(super) name: Arc<str>,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) request: Changes,
    pub(super) response: Changes,
    /// Whether it leads to an upstream: functions and chains know no upgrades.
    pub(super) may_upgrade: bool,
    /// The sum of the weights up to and with this one.
    end: u64,
}

/// All ways of a rule.
pub(super) struct Ways(Vec<Way>);

impl Ways {
    /// Ways of weight 0 are left out.
    pub(super) fn new(weighted: &[Weighted], handlers: Vec<Arc<dyn Handler>>) -> Self {
        let mut end = 0;
        let ways = weighted.iter().zip(handlers).filter(|(one, _)| one.weight > 0);
        let ways = ways.map(|(one, handler)| {
            end += u64::from(one.weight);
            let (request, response) = (one.request.clone(), one.response.clone());
            let may_upgrade = matches!(one.to, Destination::Upstream(_));
            Way { name: name(&one.to).into(), handler, request, response, may_upgrade, end }
        });
        Ways(ways.collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Way> {
        self.0.iter()
    }

    /// A way, each by its share of requests.
    ///
    /// # Errors
    ///
    /// When there is none: the manifest's checks see to it that there is.
    pub(super) fn pick(&self) -> Result<&Way, Failure> {
        match self.0.as_slice() {
            [] => Err(Failure::new(Kind::Internal, "the rule leads nowhere")),
            [only] => Ok(only),
            [.., last] => Ok(self.at(random::nonzero() % last.end)),
        }
    }

    fn at(&self, point: u64) -> &Way {
        let index = self.0.partition_point(|way| way.end <= point);
        &self.0[index.min(self.0.len() - 1)]
    }
}

/// How access records name a destination.
pub(super) fn name(to: &Destination) -> &str {
    match to {
        Destination::Function(name) | Destination::Upstream(name) | Destination::Chain(name) => {
            name
        }
        Destination::Files(_) => "files",
        Destination::Answer(_) => "answer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::handler::{Answer, Context, Request};

    struct Nobody;

    impl Handler for Nobody {
        fn call(&self, _: Request, _: Context) -> Answer<'_> {
            Box::pin(async { Err(Failure::new(Kind::Internal, "nobody is called here")) })
        }
    }

    fn ways(weights: &[u32]) -> Ways {
        let weighted: Vec<_> = weights
            .iter()
            .enumerate()
            .map(|(index, &weight)| Weighted {
                to: Destination::Upstream(index.to_string()),
                weight,
                request: Changes::default(),
                response: Changes::default(),
            })
            .collect();
        let nobody = || Arc::new(Nobody) as Arc<dyn Handler>;
        Ways::new(&weighted, weights.iter().map(|_| nobody()).collect())
    }

    #[test]
    fn without_a_way_that_counts_there_is_none() {
        for weights in [&[][..], &[0], &[0, 0]] {
            assert!(ways(weights).pick().is_err(), "{weights:?}");
        }
    }

    #[test]
    fn each_point_belongs_to_one_way() {
        let ways = ways(&[2, 0, 1, u32::MAX]);
        let last = 3 + u64::from(u32::MAX) - 1;
        for (point, expected) in [(0, "0"), (1, "0"), (2, "2"), (3, "3"), (last, "3")] {
            assert_eq!(&*ways.at(point).name, expected, "{point}");
        }
    }

    #[test]
    fn shares_are_those_of_the_weights() {
        let ways = ways(&[90, 10]);
        let picked = (0..20_000).filter(|_| &*ways.pick().expect("one").name == "1").count();
        // Eight standard deviations around 2,000.
        assert!((1_660..2_340).contains(&picked), "{picked}");
    }
}
