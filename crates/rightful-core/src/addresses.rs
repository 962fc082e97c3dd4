//! Which addresses are of the public internet, and the rule that a base URL typed by a person must pass.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::{Error, ErrorKind, Result, base_url};

/// Endings of names that only mean something in a network of one's own.
const OWN_ENDINGS: [&str; 5] = [".localhost", ".local", ".localdomain", ".internal", ".home.arpa"];

/// A base URL of the public internet: https, and a host that is neither a private address, in whatever spelling, nor a name that only means
/// something in a network of one's own. Where a name leads is not looked at here: the transport checks that at every call.
///
/// ```
/// use rightful_core::public_base_url;
/// assert!(public_base_url("https://api.example.com/v1").is_ok());
/// let error = public_base_url("https://2130706433/").unwrap_err();
/// assert_eq!(error.message(), "127.0.0.1 is not a public address");
/// ```
///
/// # Errors
/// `Config` that says what is wrong with it.
pub fn public_base_url(text: &str) -> Result<Url> {
    let refuse = |why: String, hint: &str| Err(Error::new(ErrorKind::Config, why).hint(hint.to_owned()));
    let text = text.trim();
    // URL parsers drop tabs and line breaks and read backslashes as slashes: such an address is not what it seems.
    if text.chars().any(|letter| letter.is_control() || letter.is_whitespace() || letter == '\\') {
        return refuse("the address has characters that no address has".to_owned(), "type it anew, for example https://api.example.com");
    }
    let url = base_url(text)?;
    if url.scheme() != "https" {
        return refuse(format!("{} would be reached without encryption", url.host_str().unwrap_or("the host")), "use https");
    }
    const OWN: &str = "a connection to your own network belongs in the configuration file, with `allow_private = true`";
    if let Some(address) = literal_address(&url) {
        return if is_public_address(address) { Ok(url) } else { refuse(format!("{address} is not a public address"), OWN) };
    }
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    if host == "localhost" || OWN_ENDINGS.iter().any(|ending| host.ends_with(ending)) {
        return refuse(format!("`{host}` is a name of your own network"), OWN);
    }
    if !host.contains('.') {
        return refuse(format!("`{host}` is not a full name"), "write the host's whole name, for example api.example.com");
    }
    Ok(url)
}

/// The address that stands in a URL in place of a host's name.
pub(crate) fn literal_address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

/// Is this an address of the public internet? Addresses that carry another one inside (mapped, NAT64, 6to4) are judged by that.
pub fn is_public_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    !(first == 0
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || (first == 100 && (64..128).contains(&second))
        || (first == 192 && second == 0 && third == 0)
        || (first == 192 && second == 88 && third == 99)
        || (first == 198 && (18..20).contains(&second))
        || first >= 224)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let parts = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([first, second], [third, fourth]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(first, second, third, fourth))
    };
    match parts {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // Protocol assignments (Teredo among them) and documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Only 2000::/3 is given out for the public internet.
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        let private = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "3fff:123::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for text in private {
            assert!(!is_public_address(text.parse().unwrap()), "{text} counts as public");
        }
        let public = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "126.1.1.1",
            "169.253.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "203.0.112.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ];
        for text in public {
            assert!(is_public_address(text.parse().unwrap()), "{text} counts as private");
        }
    }

    #[test]
    fn a_typed_base_url_is_https_and_public_in_whatever_spelling() {
        let table = [
            ("https://api.skynamo.me/v1", None),
            (" https://API.Example.com. ", None),
            ("https://8.8.8.8/", None),
            ("https://[2606:4700::1111]/", None),
            ("https://api.example.com:8443/v1", None),
            ("", Some("no absolute URL")),
            ("api.example.com", Some("no absolute URL")),
            ("http://api.example.com", Some("not encrypted")),
            ("ftp://api.example.com", Some("cannot begin with `ftp:`")),
            ("file:///etc/passwd", Some("cannot begin with `file:`")),
            ("gopher://127.0.0.1:6379/_", Some("cannot begin with `gopher:`")),
            ("http://127.0.0.1:9000", Some("without encryption")),
            ("http://localhost/", Some("without encryption")),
            // Every spelling of an address is the same address.
            ("https://127.0.0.1", Some("127.0.0.1 is not a public address")),
            ("https://127.1", Some("127.0.0.1 is not")),
            ("https://2130706433", Some("127.0.0.1 is not")),
            ("https://0x7f000001", Some("127.0.0.1 is not")),
            ("https://0x7f.0.0.1", Some("127.0.0.1 is not")),
            ("https://0177.0.0.1", Some("127.0.0.1 is not")),
            ("https://127.0.0.1.", Some("127.0.0.1 is not")),
            ("https://%31%32%37.0.0.1", Some("127.0.0.1 is not")),
            ("https://１２７.0.0.1", Some("127.0.0.1 is not")),
            ("https://127。0。0。1", Some("127.0.0.1 is not")),
            ("https://0", Some("0.0.0.0 is not")),
            ("https://10.1.2.3", Some("10.1.2.3 is not")),
            ("https://172.16.0.1", Some("172.16.0.1 is not")),
            ("https://192.168.0.1", Some("192.168.0.1 is not")),
            ("https://3232235521", Some("192.168.0.1 is not")),
            ("https://100.64.0.1", Some("100.64.0.1 is not")),
            ("https://169.254.169.254/latest/meta-data", Some("169.254.169.254 is not")),
            ("https://0xa9fea9fe/", Some("169.254.169.254 is not")),
            ("https://224.0.0.1", Some("224.0.0.1 is not")),
            ("https://255.255.255.255", Some("255.255.255.255 is not")),
            ("https://[::]", Some(":: is not")),
            ("https://[::1]:8443/", Some("::1 is not")),
            ("https://[0:0:0:0:0:0:0:1]", Some("::1 is not")),
            ("https://[::ffff:127.0.0.1]", Some("::ffff:127.0.0.1 is not")),
            ("https://[::ffff:a9fe:a9fe]", Some("::ffff:169.254.169.254 is not")),
            ("https://[::127.0.0.1]", Some("is not")),
            ("https://[64:ff9b::10.0.0.1]", Some("is not")),
            ("https://[2002:7f00:1::]", Some("is not")),
            ("https://[fc00::1]", Some("fc00::1 is not")),
            ("https://[fe80::1]", Some("fe80::1 is not")),
            ("https://localhost", Some("`localhost` is a name of your own network")),
            ("https://LOCALHOST.", Some("`localhost` is a name")),
            ("https://loc%61lhost", Some("`localhost` is a name")),
            ("https://a.localhost", Some("`a.localhost` is a name")),
            ("https://localhost.localdomain", Some("is a name of your own network")),
            ("https://erp.local", Some("is a name of your own network")),
            ("https://metadata.google.internal", Some("is a name of your own network")),
            ("https://nas.home.arpa", Some("is a name of your own network")),
            ("https://intranet/api", Some("`intranet` is not a full name")),
            ("https://user:word@api.example.com", Some("user name or password")),
            ("https://@127.0.0.1", Some("user name or password")),
            ("https://api.example.com@127.0.0.1/", Some("user name or password")),
            ("https://api.example.com\\@127.0.0.1/", Some("characters that no address has")),
            ("https://127.0.\t0.1/", Some("characters that no address has")),
            ("https://api.example.com/?a=b", Some("query or fragment")),
            ("https://api.example.com/#a", Some("query or fragment")),
        ];
        for (text, told) in table {
            match (public_base_url(text), told) {
                (Ok(_), None) => {}
                (Err(error), Some(told)) => {
                    assert!(error.kind() == ErrorKind::Config && error.message().contains(told), "{text:?}: {error}, wanted {told:?}");
                    assert!(error.mend().is_some() && !format!("{error:?}").contains("word@"), "{text:?}: {error:?}");
                }
                (outcome, told) => panic!("{text:?} gave {outcome:?}, wanted {told:?}"),
            }
        }
    }
}
