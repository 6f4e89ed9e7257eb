//! Reasons that are counted, each by its label.

/// Declares an enum of reasons as one table.
macro_rules! reasons {
    (
        $(#[$about:meta])* $visible:vis enum $Reason:ident;
        $($(#[$doc:meta])* $name:ident: $label:literal;)*
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visible enum $Reason { $($(#[$doc])* $name,)* }

        impl $Reason {
            $visible const ALL: &'static [$Reason] = &[$($Reason::$name,)*];

            /// The label of its counter.
            $visible const fn label(self) -> &'static str {
                match self { $($Reason::$name => $label,)* }
            }
        }
    };
}

pub(crate) use reasons;
