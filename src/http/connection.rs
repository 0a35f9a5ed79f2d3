//! Connections: how many there are, how long one may stand still, and how one is cut.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};
use tower_layer::Layer;

/// Takes connections while there are places.
#[derive(Debug, Clone)]
pub(super) struct Bounded {
    places: Arc<Semaphore>,
    patience: Duration,
}

impl Bounded {
    pub(super) fn new(most: usize, patience: Duration) -> Self {
        Self { places: Arc::new(Semaphore::new(most)), patience }
    }
}

impl<S> Accept<TcpStream, S> for Bounded {
    type Stream = Connection;
    type Service = AddExtension<S, ConnectionHandle>;
    type Future = std::future::Ready<io::Result<(Connection, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let taken = Arc::clone(&self.places).try_acquire_owned();
        std::future::ready(taken.map_err(io::Error::other).and_then(|place| {
            stream.set_nodelay(true)?;
            let stalled = Stalled { patience: self.patience, since: None };
            let handle = ConnectionHandle::default();
            Ok((
                Connection { stream, stalled, handle: handle.clone(), _place: place },
                Extension(handle).layer(service),
            ))
        }))
    }
}

/// A connection as its requests know it: they can cut it. Cloning gives the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectionHandle(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    cut: bool,
    /// Wakes the task that serves this connection.
    talks: Option<Waker>,
}

impl ConnectionHandle {
    /// Ends the connection: reading and writing fail with `TimedOut`.
    pub(super) fn cut(&self) {
        let mut state = self.state();
        state.cut = true;
        if let Some(task) = state.talks.take() {
            task.wake();
        }
    }

    #[cfg(test)]
    pub(super) fn is_cut(&self) -> bool {
        self.state().cut
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails if the connection was cut; otherwise makes sure that the current task is woken when it is cut.
    fn check(&self, context: &Context<'_>) -> io::Result<()> {
        let mut state = self.state();
        if state.cut {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if !state.talks.as_ref().is_some_and(|task| task.will_wake(context.waker())) {
            state.talks = Some(context.waker().clone());
        }
        Ok(())
    }
}

/// A connection whose other end has to take what is written within some time.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    stalled: Stalled,
    handle: ConnectionHandle,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Stalled {
    patience: Duration,
    since: Option<Pin<Box<Sleep>>>,
}

impl Stalled {
    /// Passes on the result of a write, and fails if the write has been waiting for too long.
    fn watch<T>(&mut self, context: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.since = None;
            return write;
        }
        let patience = self.patience;
        let timer = self.since.get_or_insert_with(|| Box::pin(sleep(patience)));
        if timer.as_mut().poll(context).is_ready() {
            timer.as_mut().reset(Instant::now() + patience);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.handle.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.handle.check(context)?;
        let write = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.stalled.watch(context, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.handle.check(context)?;
        let write = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.stalled.watch(context, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
