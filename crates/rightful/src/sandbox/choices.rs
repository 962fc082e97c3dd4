//! What somebody chose for the sandbox on the command line, judged before anything is started.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use rightful_core::{Error, ErrorKind, Result, nearest};
use rightful_sim::{Credentials, StandIn};

/// What was chosen for one vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// What goes wrong, as text.
    pub faults: String,
    /// What clients sign in with.
    pub credentials: Credentials,
}

/// What was typed, each in the order it was given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typed<'a> {
    /// `[VENDOR=]ADDRESS`
    pub listen: &'a [String],
    /// `[VENDOR=]PLAN`
    pub faults: &'a [String],
    /// `VENDOR.KEY=VALUE`
    pub credentials: &'a [String],
}

/// One choice for each stand-in, by vendor. What names a vendor goes before what is for all.
///
/// # Errors
/// `Config`: what was typed, and the nearest thing it can be.
pub fn choices(stand_ins: &[&StandIn], typed: Typed<'_>) -> Result<BTreeMap<&'static str, Choice>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let defaults = |stand_in: &&StandIn| Choice { address, faults: String::new(), credentials: Credentials::of(stand_in) };
    let mut choices: BTreeMap<&'static str, Choice> = stand_ins.iter().map(|stand_in| (stand_in.vendor, defaults(stand_in))).collect();
    for_all_then_one(stand_ins, typed.listen, "--listen", |vendor, text| {
        let (first, port) = listen(text)?;
        for (place, stand_in) in (0_u16..).zip(stand_ins).filter(|(_, stand_in)| vendor.is_none_or(|vendor| vendor == stand_in.vendor)) {
            // One port for all: the vendors take it and those after it, in their order.
            let port = if vendor.is_some() || port == 0 { port } else { port.checked_add(place).ok_or_else(|| no_address(text))? };
            if let Some(choice) = choices.get_mut(stand_in.vendor) {
                choice.address = SocketAddr::new(first.unwrap_or_else(|| choice.address.ip()), port);
            }
        }
        Ok(())
    })?;
    for_all_then_one(stand_ins, typed.faults, "--faults", |vendor, text| {
        for (_, choice) in choices.iter_mut().filter(|(known, _)| vendor.is_none_or(|vendor| vendor == **known)) {
            text.clone_into(&mut choice.faults);
        }
        Ok(())
    })?;
    for text in typed.credentials {
        let example = stand_ins.first().and_then(|stand_in| Some((stand_in.vendor, stand_in.credentials.first()?.key)));
        let hint = example.map_or_else(String::new, |(vendor, key)| format!("write VENDOR.KEY=VALUE, as in {vendor}.{key}=VALUE"));
        let parts = text.split_once('=').and_then(|(name, value)| Some((name.split_once('.')?, value)));
        let ((vendor, key), value) = parts.ok_or_else(|| wrong(format!("--credential `{text}` is no credential"), hint))?;
        let stand_in = named(stand_ins, vendor, "--credential")?;
        if value.is_empty() {
            return Err(wrong(format!("--credential `{vendor}.{key}` is empty"), "give it a value".to_owned()));
        }
        let taken = choices.get_mut(stand_in.vendor).is_some_and(|choice| choice.credentials.set(key, value));
        if !taken {
            let known = stand_in.credentials.iter().chain(stand_in.foreign).map(|credential| credential.key);
            return Err(wrong(format!("--credential: {vendor} has no `{key}`"), meant(key, known)));
        }
    }
    Ok(choices)
}

/// Takes what is for all vendors first and then what names one, so that the order on the command line does not matter.
fn for_all_then_one(
    stand_ins: &[&StandIn],
    texts: &[String],
    option: &str,
    mut take: impl FnMut(Option<&'static str>, &str) -> Result<()>,
) -> Result<()> {
    let mut of_one = Vec::new();
    for text in texts {
        match text.split_once('=') {
            Some((vendor, rest)) if is_word(vendor) => of_one.push((named(stand_ins, vendor, option)?.vendor, rest)),
            _ => take(None, text)?,
        }
    }
    of_one.into_iter().try_for_each(|(vendor, rest)| take(Some(vendor), rest))
}

/// Could this be meant as a vendor's id? Addresses and fault plans have other characters before their first `=`.
fn is_word(text: &str) -> bool {
    text.chars().next().is_some_and(char::is_alphabetic)
        && text.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
}

fn named<'a>(stand_ins: &[&'a StandIn], vendor: &str, option: &str) -> Result<&'a StandIn> {
    stand_ins.iter().find(|stand_in| stand_in.vendor == vendor).copied().ok_or_else(|| {
        wrong(format!("{option}: no vendor `{vendor}` in this sandbox"), meant(vendor, stand_ins.iter().map(|stand_in| stand_in.vendor)))
    })
}

/// An address without port, a port, or both.
fn listen(text: &str) -> Result<(Option<IpAddr>, u16)> {
    let text = text.trim();
    let text = text.replacen("localhost", "127.0.0.1", 1);
    let address = if let Ok(port) = text.parse::<u16>() {
        (None, port)
    } else if let Ok(both) = text.parse::<SocketAddr>() {
        (Some(both.ip()), both.port())
    } else {
        (Some(text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().map_err(|_| no_address(&text))?), 0)
    };
    match address.0 {
        Some(ip) if !ip.is_loopback() => Err(wrong(
            format!("--listen `{text}` can be reached from other machines, and everybody knows a sandbox's credentials"),
            "listen on this machine only: 127.0.0.1".to_owned(),
        )),
        _ => Ok(address),
    }
}

fn no_address(text: &str) -> Error {
    wrong(format!("--listen `{text}` is no address"), "write PORT, ADDRESS or ADDRESS:PORT, as in 127.0.0.1:8700".to_owned())
}

fn meant<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use one of: {}", known.collect::<Vec<_>>().join(", ")),
    }
}

fn wrong(message: String, hint: String) -> Error {
    Error::new(ErrorKind::Config, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use rightful_sim::Credential;

    use super::*;

    const fn stand_in(vendor: &'static str) -> StandIn {
        StandIn {
            vendor,
            credentials: &[
                Credential { key: "api_key", secret: true, default: "sandbox" },
                Credential { key: "instance", secret: false, default: "demo" },
            ],
            foreign: &[Credential { key: "access_token", secret: true, default: "" }],
            settings: &[],
            simulator: |_, _| unreachable!("nothing is started here"),
            curl: |_, _| Vec::new(),
        }
    }

    static ACME: StandIn = stand_in("acme");
    static BRACK: StandIn = stand_in("brack-water");

    fn chosen(listen: &[&str], faults: &[&str], credentials: &[&str]) -> std::result::Result<Vec<String>, String> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let (listen, faults, credentials) = (owned(listen), owned(faults), owned(credentials));
        let typed = Typed { listen: &listen, faults: &faults, credentials: &credentials };
        let choices = choices(&[&ACME, &BRACK], typed).map_err(|error| format!("{error}; {}", error.mend().unwrap_or_default()))?;
        let told = |choice: &Choice| {
            let [key, instance, token] = ["api_key", "instance", "access_token"].map(|key| choice.credentials.value(key));
            format!("{} [{}] {key} {instance}{token}", choice.address, choice.faults)
        };
        Ok(choices.values().map(told).collect())
    }

    #[test]
    fn what_is_typed_is_for_all_vendors_or_for_one() {
        for (listen, faults, credentials, expected) in [
            (&[][..], &[][..], &[][..], ["127.0.0.1:0 [] sandbox demo", "127.0.0.1:0 [] sandbox demo"]),
            (&["8700"], &["3:429=2"], &[], ["127.0.0.1:8700 [3:429=2] sandbox demo", "127.0.0.1:8701 [3:429=2] sandbox demo"]),
            (
                &["brack-water=9000", "127.0.0.2:8700"],
                &["acme=*:slow=5"],
                &[],
                ["127.0.0.2:8700 [*:slow=5] sandbox demo", "127.0.0.2:9000 [] sandbox demo"],
            ),
            (&["localhost", "acme=[::1]:7"], &[], &[], ["[::1]:7 [] sandbox demo", "127.0.0.1:0 [] sandbox demo"]),
            (
                &[],
                &["/10:drop", "brack-water=1:html;2:500"],
                &["acme.api_key=a&b<c>'=d", "acme.access_token=+00D", "brack-water.instance=o'hara@example.com"],
                ["127.0.0.1:0 [/10:drop] a&b<c>'=d demo+00D", "127.0.0.1:0 [1:html;2:500] sandbox o'hara@example.com"],
            ),
        ] {
            assert_eq!(chosen(listen, faults, credentials).unwrap(), expected, "{listen:?} {faults:?} {credentials:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_told_with_what_it_could_be() {
        for (listen, faults, credentials, told) in [
            (&["acne=8700"][..], &[][..], &[][..], "--listen: no vendor `acne` in this sandbox; did you mean `acme`?"),
            (&["here"], &[], &[], "--listen `here` is no address; write PORT, ADDRESS or ADDRESS:PORT"),
            (&["70000"], &[], &[], "--listen `70000` is no address"),
            (&["65535"], &[], &[], "--listen `65535` is no address"),
            (&["0.0.0.0:80"], &[], &[], "--listen `0.0.0.0:80` can be reached from other machines"),
            (&[], &["brackwater=3:429"], &[], "--faults: no vendor `brackwater` in this sandbox; did you mean `brack-water`?"),
            (&[], &[], &["acme.api_kye=x"], "--credential: acme has no `api_kye`; did you mean `api_key`?"),
            (&[], &[], &["acme.api_key="], "--credential `acme.api_key` is empty"),
            (&[], &[], &["api_key=x"], "--credential `api_key=x` is no credential; write VENDOR.KEY=VALUE, as in acme.api_key=VALUE"),
        ] {
            let error = chosen(listen, faults, credentials).unwrap_err();
            assert!(error.contains(told), "{error}\nlacks {told}");
        }
    }
}
