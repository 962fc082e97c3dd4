//! When each run of this process last reported: a run that has gone silent is noticed by that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use rightful_core::Clock;
use rightful_engine::{Event, Progress, Pulse};

/// The pulses of the runs of this process.
#[derive(Debug)]
pub struct Pulses {
    clock: Arc<dyn Clock>,
    /// A longer silence than this breaks the steady course of a run.
    silence: Option<TimeDelta>,
    beats: Mutex<Beats>,
}

#[derive(Debug, Default)]
struct Beats {
    next: u64,
    known: BTreeMap<u64, (String, Pulse)>,
}

impl Pulses {
    /// Nothing runs yet.
    pub fn new(clock: Arc<dyn Clock>, silence: Option<TimeDelta>) -> Arc<Self> {
        Arc::new(Self { clock, silence, beats: Mutex::default() })
    }

    /// What a run of the integration reports to: notes that it lives until it is dropped, and hands everything on.
    pub fn heard(self: &Arc<Self>, integration: &str, to: Arc<dyn Progress>) -> Arc<dyn Progress> {
        let now = self.clock.now();
        let mut beats = self.beats();
        let number = beats.next;
        beats.next += 1;
        beats.known.insert(number, (integration.to_owned(), Pulse { run: None, last: now, steady_since: now }));
        Arc::new(Heard { pulses: self.clone(), number, to })
    }

    /// The pulse of the integration's run. Of several the one that has its number: the others wait for it, or are about to be refused.
    pub fn of(&self, integration: &str) -> Option<Pulse> {
        let beats = self.beats();
        let mine = beats.known.values().filter(|(name, _)| name == integration).map(|(_, pulse)| *pulse);
        mine.min_by_key(|pulse| pulse.run.is_none())
    }

    fn beats(&self) -> MutexGuard<'_, Beats> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Heard {
    pulses: Arc<Pulses>,
    number: u64,
    to: Arc<dyn Progress>,
}

impl Progress for Heard {
    fn report(&self, event: Event) {
        let now = self.pulses.clock.now();
        if let Some((_, pulse)) = self.pulses.beats().known.get_mut(&self.number) {
            if self.pulses.silence.is_some_and(|silence| now - pulse.last >= silence) {
                pulse.steady_since = now;
            }
            pulse.last = now;
            if let Event::Started { run, .. } = &event {
                pulse.run = Some(*run);
            }
        }
        self.to.report(event);
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.pulses.beats().known.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rightful_core::ManualClock;
    use rightful_engine::{RunId, Silent};

    use super::*;

    #[test]
    fn a_run_lives_from_its_first_report_to_its_last_holder() {
        let clock = ManualClock::at(chrono::DateTime::UNIX_EPOCH);
        let pulses = Pulses::new(Arc::new(clock.clone()), Some(TimeDelta::minutes(30)));
        let minute = |minutes| chrono::DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes);
        assert_eq!(pulses.of("a"), None);
        let run = pulses.heard("a", Arc::new(Silent));
        run.report(Event::Started { run: RunId(3), resumed: false });
        clock.advance(Duration::from_secs(29 * 60));
        run.report(Event::Note("reads".into()));
        let expected = Pulse { run: Some(RunId(3)), last: minute(29), steady_since: minute(0) };
        assert_eq!((pulses.of("a"), pulses.of("b")), (Some(expected), None));
        clock.advance(Duration::from_secs(30 * 60));
        // Another one that is about to be refused hides nothing and takes nothing away.
        let other = pulses.heard("a", Arc::new(Silent));
        assert_eq!(pulses.of("a"), Some(expected));
        drop(other);
        run.report(Event::Note("reads on".into()));
        assert_eq!(pulses.of("a"), Some(Pulse { last: minute(59), steady_since: minute(59), ..expected }));
        drop(run);
        assert_eq!(pulses.of("a"), None);
    }
}
