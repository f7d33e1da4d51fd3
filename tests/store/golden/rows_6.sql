-- SPDX-License-Identifier: Apache-2.0
-- What version 6 added: what there is to know of a CUDA device.
INSERT INTO device(machine_id, kind, uuid, name, mem_bytes, sms, l2_bytes, sm_hz, mem_hz, driver, runtime, ecc)
VALUES(1, 'cuda', 'GPU-0', 'a device sm_90', 150000000000, 132, 62914560, 1980000000, 3201000000, 13000, 13000, 1);
