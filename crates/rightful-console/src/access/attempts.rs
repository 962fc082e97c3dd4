//! How often one may try to sign in: by name and by address, so that guessing takes years and nobody is locked out for good.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use rightful_core::Instant;

/// Failures that are free, for a name and for an address.
const FREE_BY_NAME: u32 = 5;
const FREE_BY_ADDRESS: u32 = 30;
/// What the first failure beyond costs, in seconds; each further one doubles it.
const FIRST_WAIT: i64 = 30;
/// The longest wait, in seconds. Failures are forgotten after twice as long without another.
const LONGEST_WAIT: i64 = 900;
/// Names and addresses kept at most: an attacker's list must not fill the memory.
const MOST: usize = 20_000;

/// Failed sign-ins of late.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<Key, Failures>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Name(String),
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    /// How long one has to wait after so many failures, in seconds.
    fn wait(self, free: u32) -> i64 {
        match self.count.checked_sub(free) {
            None => 0,
            Some(beyond) => FIRST_WAIT.saturating_mul(1_i64.checked_shl(beyond.min(20)).unwrap_or(i64::MAX)).min(LONGEST_WAIT),
        }
    }
}

impl Attempts {
    /// Notes an attempt before it is judged, so that attempts side by side count as well as one after the other; or says how many seconds to
    /// wait first.
    pub fn begin(&self, name: &str, address: Option<IpAddr>, now: Instant) -> Result<(), i64> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys(name, address);
        for (key, free) in &keys {
            if let Some(failures) = kept.get(key) {
                let left = failures.wait(*free) - (now - failures.last).num_seconds();
                if left > 0 {
                    return Err(left);
                }
            }
        }
        if kept.len() >= MOST {
            kept.retain(|_, failures| (now - failures.last).num_seconds() < LONGEST_WAIT * 2);
            if kept.len() >= MOST {
                return Err(LONGEST_WAIT);
            }
        }
        for (key, _) in keys {
            let failures = kept.entry(key).or_insert(Failures { count: 0, last: now });
            if (now - failures.last).num_seconds() >= LONGEST_WAIT * 2 {
                failures.count = 0;
            }
            *failures = Failures { count: failures.count + 1, last: now };
        }
        Ok(())
    }

    /// The attempt was good: the name starts again, the address gets its attempt back.
    pub fn succeeded(&self, name: &str, address: Option<IpAddr>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in keys(name, address) {
            match key {
                Key::Name(_) => drop(kept.remove(&key)),
                Key::Address(_) => {
                    if let Some(failures) = kept.get_mut(&key) {
                        failures.count = failures.count.saturating_sub(1);
                    }
                }
            }
        }
    }
}

fn keys(name: &str, address: Option<IpAddr>) -> Vec<(Key, u32)> {
    let mut keys = vec![(Key::Name(name.trim().to_lowercase()), FREE_BY_NAME)];
    keys.extend(address.map(|address| (Key::Address(network(address)), FREE_BY_ADDRESS)));
    keys
}

/// Of an IPv6 address the network that one customer usually gets whole.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => mapped.into(),
            None => std::net::Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Duration, Utc};

    use super::*;

    fn at(seconds: i64) -> Instant {
        DateTime::<Utc>::UNIX_EPOCH + Duration::seconds(seconds)
    }

    #[test]
    fn guessing_one_name_gets_slower_and_slower() {
        let attempts = Attempts::default();
        for _ in 0..FREE_BY_NAME {
            assert_eq!(attempts.begin("Ann", None, at(0)), Ok(()));
        }
        assert_eq!(attempts.begin("ann ", None, at(0)), Err(30), "spelled otherwise it is the same name");
        assert_eq!(attempts.begin("ann", None, at(30)), Ok(()));
        assert_eq!(attempts.begin("ann", None, at(31)), Err(59));
        assert_eq!(attempts.begin("ben", None, at(31)), Ok(()), "others are not held up");
        let (mut now, mut tried) = (0, 0);
        let attempts = Attempts::default();
        while now < 86_400 {
            match attempts.begin("ann", None, at(now)) {
                Ok(()) => tried += 1,
                Err(wait) => now += wait,
            }
        }
        assert!(tried < 120, "{tried} guesses a day");
    }

    #[test]
    fn one_address_cannot_try_many_names_and_a_network_counts_as_one() {
        let attempts = Attempts::default();
        let address = |last: u16| Some(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]));
        let mut free = 0;
        while attempts.begin(&format!("name{free}"), address(free), at(0)).is_ok() {
            free += 1;
        }
        assert_eq!(u32::from(free), FREE_BY_ADDRESS);
    }

    #[test]
    fn signing_in_starts_a_name_again() {
        let attempts = Attempts::default();
        for _ in 0..20 {
            assert_eq!(attempts.begin("ann", None, at(0)), Ok(()));
            attempts.succeeded("ann", None);
        }
    }

    #[test]
    fn a_flood_of_names_does_not_fill_the_memory() {
        let attempts = Attempts::default();
        for number in 0..MOST + 10 {
            let _ = attempts.begin(&number.to_string(), None, at(0));
        }
        assert_eq!(attempts.0.lock().unwrap().len(), MOST);
        assert_eq!(attempts.begin("late", None, at(2_000)), Ok(()), "old failures make room");
    }
}
