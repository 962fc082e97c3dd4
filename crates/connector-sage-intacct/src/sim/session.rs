//! Sign-in: by password on each call or once per session, with sliding sessions that stay valid side by side.

use super::state::State;

/// A signed-in user's standing place.
#[derive(Clone, Debug)]
pub struct Session {
    /// LOGINID
    pub user: String,
    /// The entity by position; `None` at top level.
    pub entity: Option<usize>,
    /// The address it works at.
    pub endpoint: String,
    /// When it ends unless used.
    pub expires: i64,
}

/// Who calls, for one operation.
#[derive(Clone, Debug)]
pub struct Caller {
    /// LOGINID
    pub user: String,
    /// RECORDNO of the user.
    pub number: u64,
    /// The entity by position; `None` at top level.
    pub entity: Option<usize>,
    /// The session used; empty for a sign-in per call.
    pub session: String,
    /// The address called.
    pub endpoint: String,
    /// Now, seconds since 1970.
    pub now: i64,
    /// When the session ends unless used.
    pub expires: i64,
}

/// One round of a well-known mixer: enough for ids and orders nobody should rely on.
pub fn mix(seed: u64, value: u64) -> u64 {
    let mut mixed = seed.wrapping_add(value.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Text made of a number, of the vendor's alphabet.
pub fn token(seed: u64, number: u64, length: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = mix(seed, number);
    (0..length)
        .map(|step| {
            state = mix(state, step as u64);
            char::from(ALPHABET[(state >> 40) as usize % ALPHABET.len()])
        })
        .collect()
}

impl State {
    /// The position of an entity; an empty id is the top level.
    ///
    /// # Errors
    /// There is no such entity.
    pub fn entity_named(&self, id: &str) -> Result<Option<usize>, ()> {
        if id.is_empty() {
            return Ok(None);
        }
        self.options.entities.iter().position(|entity| entity.id == id).map(Some).ok_or(())
    }

    /// Judges a user's password, and keeps count.
    pub fn signs_in(&mut self, company: &str, user: &str, password: &str) -> bool {
        let table = self.table(super::kinds::Kind::User);
        let status = table.own("STATUS");
        let row = table.named(user).cloned();
        let active = row.as_ref().is_some_and(|row| row.value(status) == Some("active"));
        let known = company == self.options.company;
        let good = known
            && active
            && self.accounts.get(user).and_then(|account| account.password.as_ref()).is_some_and(|kept| kept.expose() == password);
        if good {
            self.meter.sign_ins += 1;
            if let Some(account) = self.accounts.get_mut(user) {
                account.failed = 0;
            }
            return true;
        }
        self.meter.failed_sign_ins += 1;
        let lock_after = self.switches.lock_after;
        if known && let Some(account) = self.accounts.get_mut(user) {
            account.failed += 1;
            if lock_after > 0
                && account.failed >= lock_after
                && let Some(row) = row.filter(|_| active)
            {
                let mut locked = (*row).clone();
                locked.set(status, "lockedout");
                self.table_mut(super::kinds::Kind::User).put(row.number, Some(locked.into()), None);
            }
        }
        false
    }

    /// Opens a session.
    pub fn open_session(&mut self, user: &str, entity: Option<usize>, endpoint: &str, now: i64) -> String {
        self.opened += 1;
        self.sessions.retain(|_, session| session.expires > now);
        let stamp = u64::try_from(now).unwrap_or(0);
        let id = format!("{}..", token(mix(self.options.seed, stamp), self.opened, 24));
        let expires = now + self.options.session_seconds;
        let session = Session { user: user.to_owned(), entity, endpoint: endpoint.to_owned(), expires };
        self.sessions.insert(id.clone(), session);
        id
    }

    /// A living session, its end moved on; nothing when it is unknown, ended, of another address, or its user may no longer call.
    pub fn resume(&mut self, id: &str, endpoint: &str, now: i64) -> Option<Session> {
        let lifetime = self.options.session_seconds;
        let bound = self.switches.bind_sessions;
        let session = self.sessions.get_mut(id)?;
        if session.expires <= now {
            self.sessions.remove(id);
            self.results.retain(|_, result| result.session != id);
            return None;
        }
        if bound && session.endpoint != endpoint {
            return None;
        }
        session.expires = now + lifetime;
        let session = session.clone();
        let table = self.table(super::kinds::Kind::User);
        let active = table.named(&session.user).is_some_and(|row| row.value(table.own("STATUS")) == Some("active"));
        active.then_some(session)
    }
}
