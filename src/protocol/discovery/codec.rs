//! Gossip on the wire: numbers in network byte order, nothing compressed, nothing left out. It
//! refuses to know what is said.

use core::fmt;
use foca::{Codec, Header, Member, Message, State};

use bytes::{Buf, BufMut};

/// Who a member is: where it is reached, and when that began. Of two with one address the later one
/// is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Identity {
    pub(super) address: u32,
    pub(super) since: u64,
}

impl foca::Identity for Identity {
    type Addr = u32;

    fn renew(&self) -> Option<Self> {
        let since = self.since + 1;
        Some(Self { since, ..*self })
    }

    fn addr(&self) -> u32 {
        self.address
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.since > adversary.since
    }
}

/// Bytes that are no message of this codec, or no room for one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a message of gossip, or no room for one")
    }
}

impl core::error::Error for Unreadable {}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain;

const IDENTITY: usize = 4 + 8;
const MEMBER: usize = IDENTITY + 2 + 1;

impl Codec<Identity> for Plain {
    type Error = Unreadable;

    fn encode_header(
        &mut self,
        header: &Header<Identity>,
        mut buf: impl BufMut,
    ) -> Result<(), Unreadable> {
        // The longest message: a kind, an identity, a number.
        if buf.remaining_mut() < 2 * IDENTITY + 2 + (1 + IDENTITY + 1) {
            return Err(Unreadable);
        }
        put_identity(&header.src, &mut buf);
        buf.put_u16(header.src_incarnation);
        put_identity(&header.dst, &mut buf);
        let mut put = |kind: u8, of: Option<&Identity>, number: Option<u8>| {
            buf.put_u8(kind);
            if let Some(identity) = of {
                put_identity(identity, &mut buf);
            }
            if let Some(number) = number {
                buf.put_u8(number);
            }
        };
        match &header.message {
            Message::Ping(n) => put(0, None, Some(*n)),
            Message::Ack(n) => put(1, None, Some(*n)),
            Message::PingReq {
                target,
                probe_number,
            } => put(2, Some(target), Some(*probe_number)),
            Message::IndirectPing {
                origin,
                probe_number,
            } => put(3, Some(origin), Some(*probe_number)),
            Message::IndirectAck {
                target,
                probe_number,
            } => put(4, Some(target), Some(*probe_number)),
            Message::ForwardedAck {
                origin,
                probe_number,
            } => put(5, Some(origin), Some(*probe_number)),
            Message::Announce => put(6, None, None),
            Message::Feed => put(7, None, None),
            Message::Gossip => put(8, None, None),
            Message::Broadcast => put(9, None, None),
            Message::TurnUndead => put(10, None, None),
        }
        Ok(())
    }

    fn decode_header(&mut self, mut buf: impl Buf) -> Result<Header<Identity>, Unreadable> {
        let src = identity(&mut buf)?;
        let src_incarnation = buf.try_get_u16().map_err(|_| Unreadable)?;
        let dst = identity(&mut buf)?;
        let kind = number(&mut buf)?;
        let message = match kind {
            0 => Message::Ping(number(&mut buf)?),
            1 => Message::Ack(number(&mut buf)?),
            2 => Message::PingReq {
                target: identity(&mut buf)?,
                probe_number: number(&mut buf)?,
            },
            3 => Message::IndirectPing {
                origin: identity(&mut buf)?,
                probe_number: number(&mut buf)?,
            },
            4 => Message::IndirectAck {
                target: identity(&mut buf)?,
                probe_number: number(&mut buf)?,
            },
            5 => Message::ForwardedAck {
                origin: identity(&mut buf)?,
                probe_number: number(&mut buf)?,
            },
            6 => Message::Announce,
            7 => Message::Feed,
            8 => Message::Gossip,
            9 => Message::Broadcast,
            10 => Message::TurnUndead,
            _ => return Err(Unreadable),
        };
        Ok(Header {
            src,
            src_incarnation,
            dst,
            message,
        })
    }

    fn encode_member(
        &mut self,
        member: &Member<Identity>,
        mut buf: impl BufMut,
    ) -> Result<(), Unreadable> {
        if buf.remaining_mut() < MEMBER {
            return Err(Unreadable);
        }
        put_identity(member.id(), &mut buf);
        buf.put_u16(member.incarnation());
        buf.put_u8(match member.state() {
            State::Alive => 0,
            State::Suspect => 1,
            State::Down => 2,
        });
        Ok(())
    }

    fn decode_member(&mut self, mut buf: impl Buf) -> Result<Member<Identity>, Unreadable> {
        let id = identity(&mut buf)?;
        let incarnation = buf.try_get_u16().map_err(|_| Unreadable)?;
        let state = match number(&mut buf)? {
            0 => State::Alive,
            1 => State::Suspect,
            2 => State::Down,
            _ => return Err(Unreadable),
        };
        Ok(Member::new(id, incarnation, state))
    }
}

fn put_identity(identity: &Identity, buf: &mut impl BufMut) {
    buf.put_u32(identity.address);
    buf.put_u64(identity.since);
}

fn identity(buf: &mut impl Buf) -> Result<Identity, Unreadable> {
    Ok(Identity {
        address: buf.try_get_u32().map_err(|_| Unreadable)?,
        since: buf.try_get_u64().map_err(|_| Unreadable)?,
    })
}

fn number(buf: &mut impl Buf) -> Result<u8, Unreadable> {
    buf.try_get_u8().map_err(|_| Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Identity = Identity {
        address: 7,
        since: 1 << 40,
    };
    const OTHER: Identity = Identity {
        address: u32::MAX,
        since: 0,
    };

    #[test]
    fn every_message_is_read_as_it_was_written() {
        let probe_number = 255;
        let messages = [
            Message::Ping(1),
            Message::Ack(2),
            Message::PingReq {
                target: ONE,
                probe_number,
            },
            Message::IndirectPing {
                origin: ONE,
                probe_number,
            },
            Message::IndirectAck {
                target: OTHER,
                probe_number,
            },
            Message::ForwardedAck {
                origin: OTHER,
                probe_number,
            },
            Message::Announce,
            Message::Feed,
            Message::Gossip,
            Message::Broadcast,
            Message::TurnUndead,
        ];
        for message in messages {
            let header = Header {
                src: ONE,
                src_incarnation: 513,
                dst: OTHER,
                message,
            };
            let mut bytes = Vec::new();
            Plain.encode_header(&header, &mut bytes).unwrap();
            let mut rest = &bytes[..];
            assert_eq!(Plain.decode_header(&mut rest), Ok(header));
            assert!(rest.is_empty());
            for cut in 0..bytes.len() {
                assert_eq!(Plain.decode_header(&bytes[..cut]), Err(Unreadable));
            }
        }
    }

    #[test]
    fn a_member_that_does_not_fit_leaves_nothing_behind() {
        for state in [State::Alive, State::Suspect, State::Down] {
            let member = Member::new(ONE, 3, state);
            let mut bytes = Vec::new();
            Plain.encode_member(&member, &mut bytes).unwrap();
            assert_eq!(bytes.len(), MEMBER);
            assert_eq!(Plain.decode_member(&bytes[..]), Ok(member.clone()));
            let mut small = Vec::new().limit(MEMBER - 1);
            assert_eq!(Plain.encode_member(&member, &mut small), Err(Unreadable));
            assert!(small.get_ref().is_empty());
        }
    }
}
