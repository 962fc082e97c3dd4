//! Secrets at rest: sealed under a data key of their connection's own, which is itself sealed under the master key.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rightful_core::{ConnectionName, Error, ErrorKind, Result, Secret};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use zeroize::Zeroizing;

use crate::database::told;

/// The form of what is sealed: its first byte. Behind it a nonce of 24 bytes, then the sealed text with its tag.
const FORMAT: u8 = 1;
/// Bytes of a key.
const KEY: usize = 32;
/// Bytes of a nonce. So many that random ones never meet.
const NONCE: usize = 24;
/// How the master key comes to the program.
const GIVE: &str = "name where it is in the configuration: master_key = { env = \"RIGHTFUL_MASTER_KEY\" }, and put it there";

type Key = Zeroizing<[u8; KEY]>;

/// The key under which the keys of connections are sealed. Never stored.
#[derive(Clone)]
pub struct MasterKey {
    key: Key,
    id: String,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl MasterKey {
    /// Reads it from its text: 32 bytes in hexadecimal or base64.
    ///
    /// # Errors
    /// `Config` where it is neither; the text is not told.
    pub fn parse(text: &Secret) -> Result<Self> {
        let text = text.expose().trim();
        let bytes = of_hexadecimal(text).or_else(|| of_base64(text)).ok_or_else(|| {
            Error::new(ErrorKind::Config, "the master key must be 32 bytes, as hexadecimal or base64").hint("make one: rightful key new")
        })?;
        Ok(Self { id: key_id(&bytes), key: bytes })
    }

    /// A fresh one, as text.
    ///
    /// # Errors
    /// `Unavailable` where the system has no randomness to give.
    pub fn generate() -> Result<Secret> {
        let key: Key = random()?;
        let mut text = String::with_capacity(2 * KEY);
        key.iter().for_each(|byte| text.extend([byte >> 4, byte & 15].map(digit)));
        Ok(Secret::new(text))
    }

    /// Tells one master key from another, and says nothing about it.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// A hexadecimal digit.
fn digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0')
}

fn of_hexadecimal(text: &str) -> Option<Key> {
    if text.len() != 2 * KEY || !text.is_ascii() {
        return None;
    }
    let mut key = Key::default();
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    // `from_str_radix` takes a sign.
    text.bytes().all(|letter| letter.is_ascii_hexdigit()).then_some(key)
}

/// Of either alphabet, with or without padding.
fn of_base64(text: &str) -> Option<Key> {
    let either = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [base64::alphabet::STANDARD, base64::alphabet::URL_SAFE].iter().find_map(|alphabet| {
        let bytes = Zeroizing::new(GeneralPurpose::new(alphabet, either).decode(text).ok()?);
        key_of(&bytes)
    })
}

fn key_of(bytes: &[u8]) -> Option<Key> {
    let mut key = Key::default();
    (bytes.len() == KEY).then(|| {
        key.copy_from_slice(bytes);
        key
    })
}

/// The first 8 bytes of its hash.
fn key_id(key: &[u8; KEY]) -> String {
    blake3::hash(key).to_hex()[..16].to_owned()
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the system gives no randomness").hint("look at the machine; nothing was written").source(error)
    })?;
    Ok(bytes)
}

/// What a sealed text is bound to: opened anywhere else it does not open. Each part stands with its length, so that no two lists read the same.
fn bound_to(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

fn seal(key: &Key, place: &[&str], plain: &[u8]) -> Result<Vec<u8>> {
    let nonce = random::<NONCE>()?;
    let sealed = XChaCha20Poly1305::new((&**key).into())
        .encrypt(&XNonce::from(*nonce), Payload { msg: plain, aad: &bound_to(place) })
        .map_err(|_| Error::new(ErrorKind::Config, "this is longer than a secret can be").hint("give a shorter one"))?;
    Ok([&[FORMAT], nonce.as_slice(), &sealed].concat())
}

fn open(key: &Key, place: &[&str], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let damaged = || {
        Error::new(ErrorKind::Config, "a sealed secret does not open: it was changed, or belongs elsewhere")
            .context(place.join(", "))
            .hint("restore the store from a backup, or enter the secret again")
    };
    let (nonce, text) = match sealed.split_first() {
        Some((&FORMAT, rest)) => rest.split_at_checked(NONCE).ok_or_else(damaged)?,
        _ => return Err(damaged()),
    };
    let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| damaged())?;
    let plain = XChaCha20Poly1305::new((&**key).into()).decrypt(&XNonce::from(nonce), Payload { msg: text, aad: &bound_to(place) });
    plain.map(Zeroizing::new).map_err(|_| damaged())
}

/// What opens sealed secrets, as far as it was given. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vault(Option<Arc<Result<MasterKey>>>);

impl Vault {
    /// With what came of fetching the master key.
    pub(crate) fn new(given: Result<Option<Secret>>) -> Self {
        Self(given.and_then(|text| text.as_ref().map(MasterKey::parse).transpose()).transpose().map(Arc::new))
    }

    /// The master key, where one was given that can be used.
    pub(crate) fn given(&self) -> Option<&MasterKey> {
        self.0.as_deref().and_then(|given| given.as_ref().ok())
    }

    /// Shall secrets be sealed? Also where the key that was named could not be had: then they cannot, and are not kept in clear instead.
    fn seals(&self) -> bool {
        self.0.is_some()
    }

    /// The master key; `wanted` is the one that something is sealed under.
    fn master(&self, wanted: Option<&str>) -> Result<&MasterKey> {
        let given = match self.0.as_deref() {
            Some(Ok(given)) => given,
            Some(Err(error)) => {
                let sealed = wanted.map_or_else(String::new, |id| format!("; secrets are sealed under master key {id}"));
                return Err(Error::new(ErrorKind::Config, format!("the master key cannot be had: {error}{sealed}"))
                    .hint(error.mend().unwrap_or(GIVE).to_owned()));
            }
            None => {
                return Err(match wanted {
                    Some(id) => {
                        Error::new(ErrorKind::Config, format!("secrets are sealed under master key {id}, and no master key is given"))
                            .hint(format!("{GIVE}; if it is lost: rightful key forget"))
                    }
                    None => Error::new(ErrorKind::Config, "secrets can only be kept sealed, and no master key is given")
                        .hint(format!("make one: rightful key new; then {GIVE}")),
                });
            }
        };
        match wanted {
            Some(wanted) if wanted != given.id => Err(Error::new(
                ErrorKind::Config,
                format!("secrets are sealed under master key {wanted}; the one that is given is {}", given.id),
            )
            .hint(format!(
                "{GIVE}; or seal them anew while the old one is given: rightful key rotate; if it is lost: rightful key forget"
            ))),
            _ => Ok(given),
        }
    }

    /// The data key of a connection; `None` where it has none yet.
    fn data_key(&self, connection: &Connection, name: &ConnectionName) -> Result<Option<Key>> {
        let Some((id, sealed)) = kept(connection, name)? else { return Ok(None) };
        opened(self.master(Some(&id))?, name, &sealed).map(Some)
    }

    /// Seals a text of a connection, whose data key is made where it has none.
    pub(crate) fn seal(&self, tx: &Transaction<'_>, name: &ConnectionName, about: &str, text: &Secret) -> Result<Vec<u8>> {
        let key = match self.data_key(tx, name)? {
            Some(key) => key,
            None => {
                let master = self.master(None)?;
                let key = random()?;
                tx.execute(
                    "INSERT INTO data_key (connection, master, sealed) VALUES (?1, ?2, ?3)",
                    params![name.as_str(), master.id, sealed_under(master, name, &key)?],
                )
                .map_err(told)?;
                key
            }
        };
        seal(&key, &["secret", name.as_str(), about], text.expose().as_bytes())
    }

    /// Opens a sealed text of a connection.
    pub(crate) fn open(&self, connection: &Connection, name: &ConnectionName, about: &str, sealed: &[u8]) -> Result<Secret> {
        let missing = || {
            Error::new(ErrorKind::Config, format!("the data key of connection `{name}` is not there"))
                .hint("restore the store from a backup, or remove the connection and enter it again")
        };
        let key = self.data_key(connection, name)?.ok_or_else(missing)?;
        let mut plain = open(&key, &["secret", name.as_str(), about], sealed)?;
        let text = String::from_utf8(std::mem::take(&mut *plain)).map_err(|error| {
            let _wiped = Zeroizing::new(error.into_bytes());
            Error::new(ErrorKind::Config, "a sealed secret is no text").context(format!("connection `{name}`")).hint("enter it again")
        })?;
        Ok(Secret::new(text))
    }

    /// Fails where a master key was named that cannot be had: what it opens is not lost.
    pub(crate) fn had(&self) -> Result<()> {
        match self.0.as_deref() {
            Some(Err(_)) => self.master(None).map(drop),
            _ => Ok(()),
        }
    }

    /// Can everything that is sealed be opened?
    pub(crate) fn check(&self, connection: &Connection) -> Result<()> {
        for id in masters(connection)? {
            self.master(Some(&id))?;
        }
        self.had()
    }

    /// Seals every data key under another master key; how many there were.
    pub(crate) fn rotate(&self, tx: &Transaction<'_>, to: &MasterKey) -> Result<u64> {
        let names: Vec<String> = tx
            .prepare_cached("SELECT connection FROM data_key WHERE master <> ?1 ORDER BY connection")
            .and_then(|mut select| select.query_map([&to.id], |row| row.get(0))?.collect())
            .map_err(told)?;
        for name in &names {
            let name = ConnectionName::new(name.clone());
            let Some(key) = self.data_key(tx, &name)? else { continue };
            tx.execute(
                "UPDATE data_key SET master = ?2, sealed = ?3 WHERE connection = ?1",
                params![name.as_str(), to.id, sealed_under(to, &name, &key)?],
            )
            .map_err(told)?;
        }
        Ok(names.len() as u64)
    }

    /// Is what is kept of a connection's slot to be sealed?
    pub(crate) fn seals_slot_of(&self, connection: &Connection, name: &ConnectionName) -> Result<bool> {
        Ok(self.seals() || kept(connection, name)?.is_some())
    }
}

/// A connection's data key as it is kept: the master key's id, and what is sealed under it.
fn kept(connection: &Connection, name: &ConnectionName) -> Result<Option<(String, Vec<u8>)>> {
    connection
        .prepare_cached("SELECT master, sealed FROM data_key WHERE connection = ?1")
        .and_then(|mut select| select.query_row([name.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional())
        .map_err(told)
}

fn sealed_under(master: &MasterKey, name: &ConnectionName, key: &Key) -> Result<Vec<u8>> {
    seal(&master.key, &["data key", name.as_str()], key.as_slice())
}

fn opened(master: &MasterKey, name: &ConnectionName, sealed: &[u8]) -> Result<Key> {
    let bytes = open(&master.key, &["data key", name.as_str()], sealed)?;
    key_of(&bytes).ok_or_else(|| {
        Error::new(ErrorKind::Config, format!("the data key of connection `{name}` is no key"))
            .hint("restore the store from a backup, or remove the connection and enter it again")
    })
}

/// Ids of the master keys that something is sealed under.
pub(crate) fn masters(connection: &Connection) -> Result<Vec<String>> {
    connection
        .prepare_cached("SELECT DISTINCT master FROM data_key ORDER BY master")
        .and_then(|mut select| select.query_map([], |row| row.get(0))?.collect())
        .map_err(told)
}

#[cfg(test)]
mod tests;
