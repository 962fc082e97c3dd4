//! Fault plans: which request meets which misfortune.
//!
//! A plan is text, so that it fits on a command line: `3:429=2;5-7:500;*:slow=50;9:drop-after;/10:vendor-fault`.
//! Rules are parted by `;` or a new line. Each is a selector, a colon and a fault.

use std::fmt;
use std::time::Duration;

/// A general fault, dealt with by the host, with its name and one sentence. Vendor faults come from [`Simulator::faults`](crate::Simulator::faults).
pub const GENERAL_FAULTS: &[(&str, &str)] = &[
    ("STATUS", "any status from 300 to 599 instead of the simulator's answer, with an HTML body; `429=2` adds `Retry-After: 2`"),
    ("drop", "closes the socket before the simulator sees the request"),
    ("drop-after", "the simulator commits, then the socket closes without an answer"),
    ("slow", "`slow=MILLISECONDS`: the simulator commits, its answer comes that much later"),
    ("truncate", "half of the answer's body under the whole length, then the socket closes"),
    ("gzip", "compresses the answer where the client accepts it"),
    ("html", "status 200 with an HTML page instead of the simulator's answer"),
];

/// A misfortune of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status with an HTML body, without asking the simulator.
    Status {
        /// The status.
        status: u16,
        /// Seconds of a `Retry-After` header.
        retry_after: Option<u32>,
    },
    /// The socket closes before the simulator sees the request.
    Drop,
    /// The simulator commits, the socket closes without an answer.
    DropAfter,
    /// The answer comes this much later.
    Slow(Duration),
    /// Half the body, then the socket closes.
    Truncate,
    /// The answer is compressed where the client accepts it.
    Gzip,
    /// Status 200 with an HTML page.
    Html,
    /// Handed to the simulator in [`SimRequest::fault`](crate::SimRequest::fault).
    Vendor(String),
}

impl Fault {
    /// Reads one fault; a name the vendor lists is the vendor's, also where a general one has the same name.
    ///
    /// # Errors
    /// A sentence that names the nearest valid fault.
    pub fn parse(text: &str, vendor: &[(&str, &str)]) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (text.trim(), None),
        };
        if vendor.iter().any(|(known, _)| *known == text || *known == name) {
            return Ok(Self::Vendor(text.to_owned()));
        }
        if name.len() == 3 && name.bytes().all(|byte| byte.is_ascii_digit()) {
            let status = name.parse::<u16>().ok().filter(|status| (300..=599).contains(status));
            let status = status.ok_or_else(|| format!("`{name}` is no status a fault can have: use 300 to 599"))?;
            let retry_after = value.map(|seconds| {
                seconds.parse::<u32>().map_err(|_| format!("`{text}`: `{seconds}` is no number of seconds, as in `{name}=2`"))
            });
            return Ok(Self::Status { status, retry_after: retry_after.transpose()? });
        }
        let fault = match (name, value) {
            ("drop", None) => Self::Drop,
            ("drop-after", None) => Self::DropAfter,
            ("truncate", None) => Self::Truncate,
            ("gzip", None) => Self::Gzip,
            ("html", None) => Self::Html,
            ("slow", Some(wait)) => {
                let wait = wait.parse::<u32>().map_err(|_| format!("`{text}`: `{wait}` is no number of milliseconds, as in `slow=50`"))?;
                Self::Slow(Duration::from_millis(wait.into()))
            }
            ("slow", None) => return Err("`slow` needs its milliseconds, as in `slow=50`".to_owned()),
            ("drop" | "drop-after" | "truncate" | "gzip" | "html", Some(_)) => {
                return Err(format!("`{name}` takes no value, `{text}` has one"));
            }
            _ => return Err(unknown(name, vendor)),
        };
        Ok(fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, retry_after: None } => write!(f, "{status}"),
            Self::Status { status, retry_after: Some(seconds) } => write!(f, "{status}={seconds}"),
            Self::Drop => f.write_str("drop"),
            Self::DropAfter => f.write_str("drop-after"),
            Self::Slow(wait) => write!(f, "slow={}", wait.as_millis()),
            Self::Truncate => f.write_str("truncate"),
            Self::Gzip => f.write_str("gzip"),
            Self::Html => f.write_str("html"),
            Self::Vendor(text) => f.write_str(text),
        }
    }
}

/// Which of the vendor's requests, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// All of them: `*`.
    All,
    /// One: `3`.
    One(u64),
    /// From the first to the second, both included: `5-7`.
    Range(u64, u64),
    /// From this one on: `5-`.
    From(u64),
    /// Every so many: `/10` or `every 10`.
    Every(u64),
}

impl Selector {
    /// Is the request of that number meant?
    pub fn selects(self, number: u64) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => number == one,
            Self::Range(first, last) => (first..=last).contains(&number),
            Self::From(first) => number >= first,
            Self::Every(step) => number.is_multiple_of(step),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let number = |part: &str| {
            part.trim().parse::<u64>().ok().filter(|number| *number > 0).ok_or_else(|| {
                format!("`{text}` selects no request: use `3`, `5-7`, `5-`, `*`, `/10` (every tenth) or a list such as `3,5-7`")
            })
        };
        if text == "*" {
            return Ok(Self::All);
        }
        if let Some(step) = text.strip_prefix('/').or_else(|| text.strip_prefix("every ")) {
            return Ok(Self::Every(number(step)?));
        }
        match text.split_once('-') {
            Some((first, "")) => Ok(Self::From(number(first)?)),
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if first > last {
                    return Err(format!("`{text}` ends before it begins: write `{last}-{first}`"));
                }
                Ok(Self::Range(first, last))
            }
            None => Ok(Self::One(number(text)?)),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::One(number) => write!(f, "{number}"),
            Self::Range(first, last) => write!(f, "{first}-{last}"),
            Self::From(first) => write!(f, "{first}-"),
            Self::Every(step) => write!(f, "/{step}"),
        }
    }
}

/// One rule of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRule {
    /// The requests it is for.
    pub requests: Vec<Selector>,
    /// What they meet.
    pub fault: Fault,
}

/// Which request meets which misfortune.
///
/// ```
/// use rightful_sim::FaultPlan;
/// let plan = FaultPlan::parse("3, 5-7 : 429=2 ; every 10:slow=50", &[]).unwrap();
/// assert_eq!(plan.to_string(), "3,5-7:429=2;/10:slow=50");
/// assert_eq!(plan.faults(6).count(), 1);
/// assert!(FaultPlan::parse("3:drop-aftr", &[]).unwrap_err().contains("did you mean `drop-after`?"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan(Vec<FaultRule>);

impl FaultPlan {
    /// Reads a plan; `vendor` is what [`Simulator::faults`](crate::Simulator::faults) lists. An empty text is a plan without faults.
    ///
    /// # Errors
    /// A sentence that names the part and the nearest valid one.
    pub fn parse(text: &str, vendor: &[(&str, &str)]) -> Result<Self, String> {
        let mut rules = Vec::new();
        for rule in text.split([';', '\n']).map(str::trim).filter(|rule| !rule.is_empty()) {
            let (requests, fault) = rule.split_once(':').ok_or_else(|| {
                format!("`{rule}` is no fault rule: write which requests, a colon and the fault, as in `3:429` or `*:slow=50`")
            })?;
            let requests = requests.split(',').map(Selector::parse).collect::<Result<Vec<_>, _>>()?;
            rules.push(FaultRule { requests, fault: Fault::parse(fault.trim(), vendor)? });
        }
        Ok(Self(rules))
    }

    /// One rule for a run of requests, for tests.
    pub fn only(requests: Selector, fault: Fault) -> Self {
        Self(vec![FaultRule { requests: vec![requests], fault }])
    }

    /// Has it no rule?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the request of that number meets, in the plan's order.
    pub fn faults(&self, number: u64) -> impl Iterator<Item = &Fault> {
        self.0.iter().filter(move |rule| rule.requests.iter().any(|selector| selector.selects(number))).map(|rule| &rule.fault)
    }
}

impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rule) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(";")?;
            }
            for (place, selector) in rule.requests.iter().enumerate() {
                if place > 0 {
                    f.write_str(",")?;
                }
                write!(f, "{selector}")?;
            }
            write!(f, ":{}", rule.fault)?;
        }
        Ok(())
    }
}

fn unknown(name: &str, vendor: &[(&str, &str)]) -> String {
    let known: Vec<&str> = GENERAL_FAULTS.iter().skip(1).chain(vendor).map(|(known, _)| *known).collect();
    let nearest = known.iter().map(|known| (distance(name, known), *known)).min();
    let guess = match nearest {
        Some((steps, known)) if steps <= 1 + known.len() / 3 => format!(", did you mean `{known}`?"),
        _ => String::new(),
    };
    format!("unknown fault `{name}`{guess} Known: any status such as `429` or `429=2`, {}", known.join(", "))
}

/// Edits between two short names.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (place, other) in right.iter().enumerate() {
            let kept = diagonal + usize::from(letter != *other);
            diagonal = row[place + 1];
            row[place + 1] = kept.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const VENDOR: &[(&str, &str)] =
        &[("support-id", "a tail after the answer"), ("429", "in the vendor's envelope"), ("shuffle", "rows in any order")];

    #[test]
    fn a_plan_reads_what_it_prints() {
        for (text, printed) in [
            ("", ""),
            ("3:429", "3:429"),
            ("*:slow=50", "*:slow=50"),
            (" 3 , 5-7 : 500=2 ; every 10 : drop ;", "3,5-7:500=2;/10:drop"),
            ("5-:html\n/2:gzip", "5-:html;/2:gzip"),
            ("1:drop-after;2:truncate;4:shuffle=3", "1:drop-after;2:truncate;4:shuffle=3"),
        ] {
            let plan = FaultPlan::parse(text, VENDOR).unwrap();
            assert_eq!(plan.to_string(), printed);
            assert_eq!(FaultPlan::parse(printed, VENDOR).unwrap(), plan);
        }
    }

    #[test]
    fn a_selector_selects_what_it_says() {
        let chosen = |text: &str| {
            (1..=12)
                .filter(|number| FaultPlan::parse(&format!("{text}:drop"), &[]).unwrap().faults(*number).next().is_some())
                .collect::<Vec<u64>>()
        };
        assert_eq!(chosen("3"), [3]);
        assert_eq!(chosen("5-7"), [5, 6, 7]);
        assert_eq!(chosen("10-"), [10, 11, 12]);
        assert_eq!(chosen("*").len(), 12);
        assert_eq!(chosen("/5"), [5, 10]);
        assert_eq!(chosen("1,3-4,/6"), [1, 3, 4, 6, 12]);
    }

    #[test]
    fn a_name_the_vendor_lists_is_the_vendors() {
        assert_eq!(Fault::parse("429", VENDOR), Ok(Fault::Vendor("429".into())));
        assert_eq!(Fault::parse("429=7", VENDOR), Ok(Fault::Vendor("429=7".into())));
        assert_eq!(Fault::parse("429=7", &[]), Ok(Fault::Status { status: 429, retry_after: Some(7) }));
    }

    #[test]
    fn each_mistake_is_named_with_what_would_be_right() {
        for (text, words) in [
            ("3", "`3` is no fault rule"),
            ("0:drop", "`0` selects no request"),
            ("x:drop", "`x` selects no request"),
            ("7-5:drop", "write `5-7`"),
            ("/0:drop", "`/0` selects no request"),
            ("1:slow", "`slow=50`"),
            ("1:slow=soon", "`soon` is no number of milliseconds"),
            ("1:429=soon", "`soon` is no number of seconds"),
            ("1:299", "use 300 to 599"),
            ("1:drop=1", "`drop` takes no value"),
            ("1:trunkate", "did you mean `truncate`?"),
            ("1:suport-id", "did you mean `support-id`?"),
            ("1:zzzzzzzzzzzz", "Known: any status"),
        ] {
            let error = FaultPlan::parse(text, &[("support-id", "")]).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
