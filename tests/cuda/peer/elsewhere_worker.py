# SPDX-License-Identifier: Apache-2.0
"""A peer on the fake device: a call is a copy, and takes three milliseconds by the device's clock."""
import labench_peer as peer


@peer.impl("elsewhere_copy")
def make(job, tensors):
    def call():
        tensors["o"].view[:] = tensors["v"].view

    def timer():
        assert job.device == "cuda" and job.device_index == 0 and job.cold

        def timed():
            call()
            return 3e6
        return timed
    return peer.Work(call, timer=timer)


peer.main()
