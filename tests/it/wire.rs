//! The wire to VPP: frames, messages, the client, and the server that plays VPP.
