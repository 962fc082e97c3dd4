//! Progress bars on a terminal: what is read, planned and written, how fast, and how long it will still take.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{IsTerminal as _, stderr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use rightful_engine::{Event, Progress, Silent};

use crate::output::number;

/// Bars where standard error is a terminal and a person reads it; else nothing.
pub fn progress(json: bool) -> Arc<dyn Progress> {
    if stderr().is_terminal() && !json { Arc::new(Bars::default()) } else { Arc::new(Silent) }
}

/// One bar for each thing under way.
#[derive(Debug, Default)]
pub struct Bars {
    group: MultiProgress,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Bars {
    fn show(&self, name: &str, done: u64, total: Option<u64>) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bars.entry(name.to_owned()).or_insert_with(|| {
            let bar = self.group.add(ProgressBar::no_length());
            bar.set_style(style(total.is_some()));
            bar.set_prefix(name.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if let Some(total) = total.filter(|total| bar.length() != Some(*total)) {
            bar.set_length(total);
            bar.set_style(style(true));
        }
        bar.set_position(done);
        if total.is_some_and(|total| done >= total) {
            bar.finish();
        }
    }
}

fn style(counted: bool) -> ProgressStyle {
    let template = if counted {
        "{prefix:26} {bar:28} {human_pos}/{human_len} {rate} {eta}"
    } else {
        "{prefix:26} {spinner} {human_pos} {rate} {elapsed}"
    };
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        // A style that cannot be written shows less; nothing else hangs on it.
        let _ = write!(out, "{}/s", number(state.per_sec().round() as u64));
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).with_key("rate", rate)
}

impl Progress for Bars {
    fn report(&self, event: Event) {
        match event {
            Event::Started { run, resumed } => {
                let again = if resumed { ", taken up where it stood" } else { "" };
                let _ = self.group.println(format!("{run}{again}"));
            }
            Event::Read { side, kind, rows, total } => self.show(&format!("read {side} {kind}"), rows, total),
            Event::Planned { pairs, total, .. } => self.show("plan", pairs, Some(total)),
            Event::Applied { settled, total } => self.show("write", settled, Some(total)),
            Event::Note(text) => {
                let _ = self.group.println(text);
            }
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for bar in self.bars.lock().unwrap_or_else(PoisonError::into_inner).values() {
            bar.finish_and_clear();
        }
    }
}
