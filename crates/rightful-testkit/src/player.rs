//! Plays a cassette behind wiremock: every request is held against it, every miss is answered with an exact difference and remembered.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wiremock::{Request, Respond, ResponseTemplate};

use crate::cassette::{Cassette, Exchange, Lost, Order};
use crate::pattern::{self, Asked, Captures};

/// Marks an answer that [`network`](crate::network) turns into a failed send.
pub(crate) const LOST_HEADER: &str = "x-rightful-lost";

/// The status of a miss.
const MISS: u16 = 599;

/// So many misses are kept word for word.
const KEPT: usize = 5;

pub(crate) struct Player {
    scenario: String,
    cassette: Cassette,
    /// The mock server's own origin.
    origin: String,
    /// What must not be printed, with what stands for it.
    hidden: Vec<(String, String)>,
    state: Mutex<Played>,
}

#[derive(Default)]
struct Played {
    /// How often each exchange may still be asked for.
    left: Vec<u32>,
    misses: Vec<String>,
    more_misses: usize,
}

impl Player {
    pub(crate) fn new(scenario: String, cassette: Cassette, origin: String) -> Self {
        let left = cassette.exchanges.iter().map(|exchange| exchange.times.unwrap_or(1)).collect();
        let hidden = cassette.secrets.iter().filter(|(_, secret)| !secret.is_empty());
        let hidden = hidden.map(|(key, secret)| (secret.clone(), format!("{{{{secret.{key}}}}}"))).collect();
        Self { scenario, cassette, origin, hidden, state: Mutex::new(Played { left, ..Played::default() }) }
    }

    /// What went wrong, if anything: misses and exchanges nobody asked for.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let played = self.played();
        let mut complaints = played.misses.clone();
        if played.more_misses > 0 {
            complaints.push(format!("{} more requests met no exchange", played.more_misses));
        }
        for (index, exchange) in self.cassette.exchanges.iter().enumerate() {
            if played.left[index] > 0 {
                let (method, path) = named(exchange);
                let times = match exchange.times {
                    Some(times) if times > 1 => format!(" {} of {times} times", played.left[index]),
                    _ => String::new(),
                };
                complaints.push(format!("{}: exchange {} ({method} {path}) was not asked for{times}", self.scenario, index + 1));
            }
        }
        complaints
    }

    fn played(&self) -> MutexGuard<'_, Played> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The vendor's origin in place of ours.
    fn as_recorded(&self, text: &str) -> String {
        replace_origin(text, &self.origin, &self.cassette.origin)
    }

    /// Our origin in place of the vendor's.
    fn rerouted(&self, body: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(body) else { return body.to_vec() };
        let origins = std::iter::once(&self.cassette.origin).chain(&self.cassette.other_origins);
        origins.fold(text.to_owned(), |text, origin| replace_origin(&text, origin, &self.origin)).into_bytes()
    }

    fn asked(&self, request: &Request) -> Asked {
        let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(text) => self.as_recorded(text).into_bytes(),
            Err(_) => bytes.to_vec(),
        };
        let headers =
            request.headers.iter().map(|(name, value)| (name.to_string(), self.as_recorded(&String::from_utf8_lossy(value.as_bytes()))));
        Asked {
            method: request.method.to_string(),
            path: request.url.path().to_owned(),
            query: request.url.query_pairs().map(|(key, value)| (key.into_owned(), self.as_recorded(&value))).collect(),
            headers: headers.collect(),
            body: text(&request.body),
        }
    }

    /// The exchange the request is, or the difference to the nearest one.
    fn choose(&self, asked: &Asked) -> Result<(usize, Captures), String> {
        let mut played = self.played();
        let open: Vec<usize> = (0..played.left.len()).filter(|index| played.left[*index] > 0).collect();
        let candidates = match self.cassette.order {
            Order::Strict => open.get(..1).unwrap_or_default(),
            Order::Any => &open[..],
        };
        let mut nearest: Option<(usize, Vec<String>)> = None;
        for index in candidates.iter().copied() {
            match pattern::compare(&self.cassette.exchanges[index].request, asked) {
                Ok(captures) => {
                    played.left[index] -= 1;
                    return Ok((index, captures));
                }
                Err(differences) => {
                    if nearest.as_ref().is_none_or(|(_, known)| differences.len() < known.len()) {
                        nearest = Some((index, differences));
                    }
                }
            }
        }
        let mut miss = format!("{}: no exchange for {} {}", self.scenario, asked.method, asked.path);
        match nearest {
            None => miss.push_str("\n  every exchange was used already"),
            Some((index, differences)) => {
                let (method, path) = named(&self.cassette.exchanges[index]);
                let place = if self.cassette.order == Order::Strict { "next" } else { "nearest" };
                miss.push_str(&format!(
                    "\n  the {place} is exchange {} of {} ({method} {path}); differences:",
                    index + 1,
                    played.left.len()
                ));
                for difference in differences {
                    miss.push_str("\n    ");
                    miss.push_str(&difference);
                }
            }
        }
        for (secret, name) in &self.hidden {
            miss = miss.replace(secret, name);
        }
        if played.misses.len() < KEPT {
            played.misses.push(miss.clone());
        } else {
            played.more_misses += 1;
        }
        Err(miss)
    }

    fn play(&self, exchange: &Exchange, captures: &Captures) -> ResponseTemplate {
        let reply = &exchange.response;
        if let Some(lost) = reply.lost {
            let fate = match lost {
                Lost::BeforeActing => "before-acting",
                Lost::AfterActing => "after-acting",
            };
            return ResponseTemplate::new(200).insert_header(LOST_HEADER, fate);
        }
        let body = self.rerouted(&filled(&reply.body, captures));
        let mut template = ResponseTemplate::new(reply.status.unwrap_or(200)).set_body_bytes(body);
        if let Some(content_type) = reply.content_type {
            template = template.insert_header("content-type", content_type);
        }
        for (name, value) in &reply.headers {
            let value = String::from_utf8_lossy(&self.rerouted(value.as_bytes())).into_owned();
            template = template.insert_header(name.as_str(), value);
        }
        match reply.delay_milliseconds {
            Some(delay) => template.set_delay(Duration::from_millis(delay)),
            None => template,
        }
    }
}

fn named(exchange: &Exchange) -> (&str, &str) {
    (&exchange.request.method, &exchange.request.path)
}

/// Puts what placeholders stood for into an answer.
fn filled(body: &[u8], captures: &Captures) -> Vec<u8> {
    if captures.is_empty() {
        return body.to_vec();
    }
    let Ok(text) = std::str::from_utf8(body) else { return body.to_vec() };
    captures.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value)).into_bytes()
}

/// Replaces an origin as it stands, with JSON's escaped slashes, and percent-encoded.
fn replace_origin(text: &str, from: &str, to: &str) -> String {
    let escaped = |origin: &str| origin.replace('/', "\\/");
    let encoded = |origin: &str| url::form_urlencoded::byte_serialize(origin.as_bytes()).collect::<String>();
    text.replace(from, to).replace(&escaped(from), &escaped(to)).replace(&encoded(from), &encoded(to))
}

/// Shares a player between the mock server and the test.
pub(crate) struct Shared(pub(crate) std::sync::Arc<Player>);

impl Respond for Shared {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let player = &self.0;
        match player.choose(&player.asked(request)) {
            Ok((index, captures)) => player.play(&player.cassette.exchanges[index], &captures),
            Err(miss) => ResponseTemplate::new(MISS).set_body_string(miss),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_replaced_in_every_spelling() {
        let text = r#"{"next":"https://a.example/v1?x=1","escaped":"https:\/\/a.example\/v1","form":"https%3A%2F%2Fa.example%2Fv1"}"#;
        let rerouted = replace_origin(text, "https://a.example", "http://127.0.0.1:9");
        assert_eq!(
            rerouted,
            r#"{"next":"http://127.0.0.1:9/v1?x=1","escaped":"http:\/\/127.0.0.1:9\/v1","form":"http%3A%2F%2F127.0.0.1%3A9%2Fv1"}"#
        );
        assert_eq!(replace_origin(&rerouted, "http://127.0.0.1:9", "https://a.example"), text);
    }

    #[test]
    fn an_answer_repeats_what_the_request_was_asked_with() {
        let captures = Captures::from([("id".to_owned(), "7f".to_owned())]);
        assert_eq!(filled(b"<controlid>{{id}}</controlid>{{other}}", &captures), b"<controlid>7f</controlid>{{other}}");
    }
}
