"""What was done, in SQLite: the flow log (one row a request, one a tool output) and the content store (what to replay, what to give back).

The rule of this room: it never costs a request. Writing happens in a thread of its own; a file that can't be written is said
once and the records are dropped; a file that can't be read is as if it weren't there. No header value, key or cookie is
stored; texts are kept on this machine only, for their owner only, compressed, and expire.
"""

from headroom_core.flow_log.forms import StoredForm
from headroom_core.flow_log.location import data_directory, locate
from headroom_core.flow_log.reading import open_flow_log
from headroom_core.flow_log.store_reader import StoreReader
from headroom_core.flow_log.writer import Writer

__all__ = ["StoreReader", "StoredForm", "Writer", "data_directory", "locate", "open_flow_log"]
