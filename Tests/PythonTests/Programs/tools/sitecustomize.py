"""Every Python that starts has the load that the test says."""
import os

if 'TEST_LOAD' in os.environ:
    os.getloadavg = lambda: (float(os.environ['TEST_LOAD']),) * 3
